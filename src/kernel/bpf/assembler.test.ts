import { release } from 'node:os';
import { describe, expect, it } from 'vitest';
import { needRoot } from '../../../test/cli.ts';
import { libc } from '../libc.ts';
import { Assembler, STACK } from './assembler.ts';
import { attach, createMap, loadProgram, lookUp, recursionMisses, runProgram, updateMap } from './syscall.ts';

describe('the assembler', () => {
  it('writes the bytes of the instruction set', () => {
    const bytes = (write: (assembler: Assembler) => Assembler) =>
      write(new Assembler()).assemble().toString('hex');
    // RFC 9669, 4.1: {ADD, X, ALU64} is dst += src. The register of the source is in the upper half of the second byte.
    expect(bytes((asm) => asm.add(1, 2))).toBe('0f21000000000000');
    expect(bytes((asm) => asm.set(10, 0x12345678))).toBe('b70a000078563412');
    expect(bytes((asm) => asm.set(0, -1))).toBe('b7000000ffffffff');
    // 5.2: {MEM, DW, LDX} is dst = *(u64 *)(src + offset).
    expect(bytes((asm) => asm.load(8, 3, 10, -8))).toBe('79a3f8ff00000000');
    expect(bytes((asm) => asm.store(1, 10, 0x102, 7))).toBe('737a020100000000');
    // 5.3: {ATOMIC, DW, STX} with imm ADD.
    expect(bytes((asm) => asm.addAtomically(0, 8, 1))).toBe('db10080000000000');
    // 5.4: the 64-bit immediate takes two instructions; 1 in the place of the source makes it a map.
    expect(bytes((asm) => asm.map(1, 7))).toBe('18110000070000000000000000000000');
    // 4.3: an offset counts instructions from the next one on.
    expect(bytes((asm) => asm.jump('end').set(0, 0).label('end').exit())).toBe(
      '0500010000000000b7000000000000009500000000000000',
    );
    expect(bytes((asm) => asm.label('again').set(0, 0).jump('again'))).toBe(
      'b700000000000000' + '0500feff00000000',
    );
  });

  it('refuses a label that is there twice, or nowhere', () => {
    expect(() => new Assembler().label('a').label('a')).toThrow('label a is there already');
    expect(() => new Assembler().jump('b').assemble()).toThrow('no label b');
  });

  it('writes comparisons that hold for the kernel when they should', (context) => {
    needRoot(context, 'BPF');
    const numbers = [0n, 1n, 5n, 0x400n, 0x7fffffffn, 0xeffffffcn, 2n ** 32n + 5n, 2n ** 64n - 1n];
    const holds = (write: (asm: Assembler, target: string) => Assembler) => {
      const asm = new Assembler().load(8, 2, 1, 8).load(8, 1, 1, 0).set(0, 0);
      const code = write(asm, 'yes').exit().label('yes').set(0, 1).exit().assemble();
      return numbers.map((number) => run(code, [number, 5n]) === 1);
    };
    const [least, most] = [5n, 2n ** 64n - 1n];
    expect(holds((asm, yes) => asm.jumpIf(1, '==', 5, yes))).toEqual(numbers.map((number) => number === 5n));
    expect(holds((asm, yes) => asm.jumpIf(1, '==', -1, yes))).toEqual(
      numbers.map((number) => number === most),
    );
    expect(holds((asm, yes) => asm.jumpIf(1, '!=', 5, yes))).toEqual(numbers.map((number) => number !== 5n));
    expect(holds((asm, yes) => asm.jumpIf(1, '>', 5, yes))).toEqual(numbers.map((number) => number > least));
    expect(holds((asm, yes) => asm.jumpIf(1, '>=', 5, yes))).toEqual(
      numbers.map((number) => number >= least),
    );
    expect(holds((asm, yes) => asm.jumpIf(1, '<', 5, yes))).toEqual(numbers.map((number) => number < least));
    expect(holds((asm, yes) => asm.jumpIf(1, '&', 0x400, yes))).toEqual(
      numbers.map((number) => (number & 0x400n) !== 0n),
    );
    expect(holds((asm, yes) => asm.jumpIfBoth(1, '!=', 2, yes))).toEqual(
      numbers.map((number) => number !== 5n),
    );
    expect(holds((asm, yes) => asm.jumpIfBoth(1, '>=', 2, yes))).toEqual(
      numbers.map((number) => number >= least),
    );
    expect(holds((asm, yes) => asm.jumpUnless32(1, 5, yes))).toEqual(
      numbers.map((number) => (number & 0xffffffffn) !== 5n),
    );
    expect(holds((asm, yes) => asm.jumpUnless32(1, 0xeffffffc, yes))).toEqual(
      numbers.map((number) => number !== 0xeffffffcn),
    );
  });

  it('writes what the kernel computes, stores and loads', (context) => {
    needRoot(context, 'BPF');
    const number = 0xfedc_ba98_7654_3210n;
    const result = (write: (asm: Assembler) => Assembler) =>
      run(
        write(new Assembler().load(8, 7, 1, 8))
          .exit()
          .assemble(),
        [0n, number],
      );
    expect(result((asm) => asm.copy(0, 7).compute(0, '+=', -0x10))).toBe(0x7654_3200);
    expect(result((asm) => asm.copy(0, 7).compute(0, '&=', 0xff00))).toBe(0x3200);
    expect(result((asm) => asm.copy(0, 7).compute(0, '<<=', 4))).toBe(0x6543_2100);
    expect(result((asm) => asm.copy(0, 7).compute(0, '>>=', 40))).toBe(0xfe_dcba);
    expect(result((asm) => asm.set(0, 7).add(0, 7))).toBe(0x7654_3217);
    expect(result((asm) => asm.set(0, 0).subtract(0, 7))).toBe(0x1_0000_0000 - 0x7654_3210);
    for (const [size, kept] of [
      [1, 0x10],
      [2, 0x3210],
      [4, 0x7654_3210],
      [8, 0x7654_3210],
    ] as const) {
      expect(result((asm) => asm.store(size, STACK, -8, 7).load(size, 0, STACK, -8))).toBe(kept);
      expect(result((asm) => asm.storeValue(size, STACK, -8, 0x12).load(size, 0, STACK, -8))).toBe(0x12);
    }
  });

  it('writes calls that find and change what is in a map', (context) => {
    needRoot(context, 'BPF');
    const map = createMap('test', 'hash', { key: 4, value: 8, entries: 1 });
    const [key, value] = [Buffer.from([5, 0, 0, 0]), Buffer.alloc(8)];
    updateMap(map, key, value);
    const asm = new Assembler().load(8, 1, 1, 0).store(4, STACK, -4, 1);
    asm.copy(2, STACK).compute(2, '+=', -4).map(1, map).call(1).jumpIf(0, '==', 0, 'none');
    const code = asm.set(1, 3).addAtomically(0, 0, 1).set(0, 1).label('none').exit().assemble();
    expect([run(code, [5n]), run(code, [6n]), run(code, [5n])]).toEqual([1, 0, 1]);
    lookUp(map, key, value);
    expect(value.readBigUInt64LE(0)).toBe(6n);
    libc.close(map);
  });
});

describe('the count of skipped runs', () => {
  it('grows when a program meets its own tracepoint', (context) => {
    needRoot(context, 'BPF');
    const [major = 0, minor = 0] = release().split('.').map(Number);
    if (major < 6 || (major === 6 && minor < 1)) context.skip('Linux skips no raw tracepoint before 6.1');
    // It prints one letter, and bpf_trace_printk (helper 6) has a tracepoint.
    const asm = new Assembler()
      .storeValue(2, STACK, -2, 'x'.charCodeAt(0))
      .copy(1, STACK)
      .compute(1, '+=', -2);
    const program = loadProgram('misses', asm.set(2, 2).call(6).set(0, 0).exit().assemble());
    const misses = recursionMisses(program);
    runProgram(program, []);
    expect(misses()).toBe(0n);
    const attached = attach('bpf_trace_printk', program);
    runProgram(program, []);
    libc.close(attached);
    expect(misses()).toBe(1n);
    libc.close(program);
  });
});

function run(code: Buffer, args: readonly bigint[]): number {
  const program = loadProgram('assembler', code);
  try {
    return runProgram(program, args);
  } finally {
    libc.close(program);
  }
}
