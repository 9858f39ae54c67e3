// Documentation/bpf/standardization/instruction-set.rst
const [LD_IMM64, CALL, EXIT, JUMP] = [0x18, 0x85, 0x95, 0x05];
const JUMPS = { '==': 0x15, '!=': 0x55, '>': 0x25, '>=': 0x35, '<': 0xa5, '&': 0x45 } as const;
const JUMPS_BY_REGISTER = { '!=': 0x5d, '>=': 0x3d } as const;
const ALU = { '+=': 0x07, '&=': 0x57, '<<=': 0x67, '>>=': 0x77 } as const;
/** Which size an instruction moves, by the bytes. */
const SIZES = { 1: 0x10, 2: 0x08, 4: 0x00, 8: 0x18 } as const;
const PSEUDO_MAP_FD = 1;

export type Size = keyof typeof SIZES;
/** r0 returns, r1 to r5 pass arguments and are lost in a call, r6 to r9 stay, r10 is the end of the stack. */
export type Register = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10;

/** The end of the stack: its 512 bytes have negative offsets. */
export const STACK: Register = 10;

interface Instruction {
  code: number;
  to?: Register;
  from?: number;
  offset?: number;
  value?: number;
  /** The label to which it jumps. */
  target?: string;
}

/** Writes a BPF program, one instruction a call, in the order in which they run. Registers are 64 bits wide. */
export class Assembler {
  readonly #instructions: Instruction[] = [];
  readonly #labels = new Map<string, number>();

  copy(to: Register, from: Register): this {
    return this.#add({ code: 0xbf, to, from });
  }

  /** A whole number of 32 bits, with its sign. */
  set(to: Register, value: number): this {
    return this.#add({ code: 0xb7, to, value });
  }

  /** `compute(1, '+=', 8)`. */
  compute(to: Register, operator: keyof typeof ALU, value: number): this {
    return this.#add({ code: ALU[operator], to, value });
  }

  add(to: Register, from: Register): this {
    return this.#add({ code: 0x0f, to, from });
  }

  subtract(to: Register, from: Register): this {
    return this.#add({ code: 0x1f, to, from });
  }

  /** Reads from where a register points to. */
  load(size: Size, to: Register, from: Register, offset: number): this {
    return this.#add({ code: 0x61 | SIZES[size], to, from, offset });
  }

  /** Writes a register to where another points to. */
  store(size: Size, to: Register, offset: number, from: Register): this {
    return this.#add({ code: 0x63 | SIZES[size], to, from, offset });
  }

  storeValue(size: Size, to: Register, offset: number, value: number): this {
    return this.#add({ code: 0x62 | SIZES[size], to, offset, value });
  }

  /** Adds a register to 64 bits of memory that others may change too. */
  addAtomically(to: Register, offset: number, from: Register): this {
    return this.#add({ code: 0xdb, to, from, offset });
  }

  map(to: Register, fd: number): this {
    return this.#add({ code: LD_IMM64, to, from: PSEUDO_MAP_FD, value: fd }).#add({ code: 0 });
  }

  /** A function of the kernel's, by its number (include/uapi/linux/bpf.h, enum bpf_func_id). */
  call(helper: number): this {
    return this.#add({ code: CALL, value: helper });
  }

  /** Jumps if the comparison holds; numbers have no sign. `&`: if they have a bit in common. */
  jumpIf(left: Register, comparison: keyof typeof JUMPS, right: number, target: string): this {
    return this.#add({ code: JUMPS[comparison], to: left, value: right, target });
  }

  /** The same for two registers. */
  jumpIfBoth(
    left: Register,
    comparison: keyof typeof JUMPS_BY_REGISTER,
    right: Register,
    target: string,
  ): this {
    return this.#add({ code: JUMPS_BY_REGISTER[comparison], to: left, from: right, target });
  }

  /** Jumps unless the lower 32 bits are this number: `jumpIf` extends the sign of one that has the highest of them. */
  jumpUnless32(left: Register, right: number, target: string): this {
    return this.#add({ code: 0x56, to: left, value: right | 0, target });
  }

  jump(target: string): this {
    return this.#add({ code: JUMP, target });
  }

  label(name: string): this {
    if (this.#labels.has(name)) throw new Error(`label ${name} is there already`);
    this.#labels.set(name, this.#instructions.length);
    return this;
  }

  /** Ends, with the result in r0. */
  exit(): this {
    return this.#add({ code: EXIT });
  }

  /** The program as bpf(2) takes it: 8 bytes an instruction, in the byte order of x86-64 and arm64. */
  assemble(): Buffer {
    const code = Buffer.alloc(this.#instructions.length * 8);
    for (const [index, { code: operation, to = 0, from = 0, offset = 0, value = 0, target }] of [
      ...this.#instructions.entries(),
    ]) {
      code.writeUInt8(operation, index * 8);
      code.writeUInt8((from << 4) | to, index * 8 + 1);
      code.writeInt16LE(target === undefined ? offset : this.#distance(index, target), index * 8 + 2);
      code.writeInt32LE(value, index * 8 + 4);
    }
    return code;
  }

  #distance(from: number, target: string): number {
    const to = this.#labels.get(target);
    if (to === undefined) throw new Error(`no label ${target}`);
    return to - from - 1;
  }

  #add(instruction: Instruction): this {
    this.#instructions.push(instruction);
    return this;
  }
}
