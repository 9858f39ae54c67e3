import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { CaptureError } from '../src/captures/frame.ts';
import { CAPTURES, CASES, type Case, type ExpectedEnd, faultsOf, placeOf, readBytes } from './captured.ts';
import { REPOSITORY, TCPLAB } from './cli.ts';

const cases = Object.entries(CASES).map(([name, one]) => ({ name, ...one }));
const bytesOf = (file: string) => readFileSync(join(CAPTURES, file));
const schema = JSON.parse(readFileSync(join(REPOSITORY, 'schema/read.schema.json'), 'utf8'));
const validate = new Ajv2020({ strict: false, allErrors: true }).compile(schema);

describe('a capture', () => {
  it.each(cases)('has the states that fit, and the true ones, told where it was: $name', async (one) => {
    const result = await readBytes(bytesOf(one.file), placeOf(one));
    expect(faultsOf(result, one)).toEqual([]);
    expect(validate(result), JSON.stringify(validate.errors)).toBe(true);
  });

  it.each(cases)('leaves out no state because of a guess: $name', async (one) => {
    const result = await readBytes(bytesOf(one.file));
    expect(faultsOf(result, one, false)).toEqual([]);
    for (const [index, { ends, place }] of result.connections.entries()) {
      if (place?.isSure) continue;
      for (const at of ['client', 'server', 'both', 'between'] as const) {
        const told = (await readBytes(bytesOf(one.file), at)).connections[index];
        for (const end of ['a', 'b'] as const)
          expect(ends[end].states).toEqual(expect.arrayContaining(told?.ends[end].states ?? []));
      }
    }
  });

  it.each(cases)('is the same in pieces of 7 bytes: $name', async ({ file }) => {
    expect(await readBytes(bytesOf(file), undefined, 7)).toEqual(await readBytes(bytesOf(file)));
  });

  it('names what it leaves open', async () => {
    const result = await readBytes(bytesOf('fin-lost-server.pcap'));
    const [connection] = result.connections;
    expect(connection?.ends.a.why).toContain('a FIN or RST of it may be lost before it is seen');
    expect(connection?.cannotKnow.join()).toContain('how long the capture went on');
  });

  it('takes the word of its user for where it was', async () => {
    const told = async (at: 'client' | 'server' | 'between') =>
      (await readBytes(bytesOf('near-client-fin-wait-2.pcap'), at)).connections[0]?.ends.b.states;
    expect(await told('server')).toEqual(['CLOSE-WAIT']);
    expect(await told('client')).toEqual(['CLOSE-WAIT', 'LAST-ACK', 'CLOSED']);
    expect(await told('between')).toEqual(['CLOSE-WAIT', 'LAST-ACK', 'CLOSED']);
  });

  it('ends within a packet: what is whole counts, and a note says so', async () => {
    const bytes = bytesOf('near-client-fin-wait-2.pcap');
    const result = await readBytes(bytes.subarray(0, bytes.length - 10));
    expect(result.file.packets).toBe(8);
    expect(result.file.notes).toEqual(['the file ends within packet 9']);
  });
});

describe('the check of captures', () => {
  const one = CASES['near-client-fin-wait-2'] as Case;
  const wrong = (change: Partial<ExpectedEnd>) => {
    const other: Case = structuredClone(one);
    Object.assign((other.connections[0] as Case['connections'][0]).ends.b, change);
    return other;
  };

  it.each([
    ['a true state that is left out', wrong({ true: 'ESTABLISHED' }), 'leaves out ESTABLISHED'],
    ['a state that can’t be', wrong({ fit: ['CLOSE-WAIT', 'CLOSED'] }), "LAST-ACK can't be"],
    ['another order', wrong({ likely: 'CLOSED' }), 'CLOSED is likelier'],
  ])('sees %s', async (_title, expected, fault) => {
    expect(faultsOf(await readBytes(bytesOf(one.file), 'client'), expected).join()).toContain(fault);
  });
});

describe('the text of tcpdump', () => {
  // With -q there are neither flags nor numbers.
  const texts = readdirSync(join(CAPTURES, 'text')).filter((name) => name !== 'rst-phases.txt');

  it.each(texts)('shows what the capture shows: %s', async (file) => {
    const one = CASES[file.replace('.txt', '')] as Case;
    expect(faultsOf(await readBytes(bytesOf(`text/${file}`), placeOf(one)), one)).toEqual([]);
  });

  it.each([['-n'], ['-nS'], ['-nv'], ['-nttt'], ['-ntttt'], ['-nSe']])('with %s', async (flags) => {
    const file = join(CAPTURES, 'fin-lost-client.pcap');
    const { stdout } = spawnSync('tcpdump', ['-r', file, flags], { encoding: 'utf8' });
    const { connections } = await readBytes(Buffer.from(stdout));
    expect(connections[0]?.ends.a.states[0]).toBe('FIN-WAIT-1');
    expect(connections[0]?.ends.b.states).toContain('ESTABLISHED');
    expect(connections[0]?.ends.a.retransmissions).toBe(5);
  });

  it('of -q is refused, because it has no flags', async () => {
    await expect(readBytes(bytesOf('text/rst-phases.txt'))).rejects.toThrow(/tcpdump -q/);
  });
});

describe('a damaged capture', () => {
  /** A small generator with a seed (Marsaglia 2003, xorshift32). */
  function* numbers(seed: number): Generator<number, never> {
    for (let x = seed; ; ) {
      x ^= x << 13;
      x ^= x >>> 17;
      x ^= x << 5;
      yield x >>> 0;
    }
  }

  it('gives a result or a clear error, and never another one', async () => {
    const seed = Number(process.env['TCPLAB_SEED'] ?? 20_261_201);
    const random = numbers(seed);
    const next = (below: number) => random.next().value % below;
    const files = [...cases.map(({ file }) => file), 'text/vlan-span.txt', 'text/near-client-fin-wait-2.txt'];
    let refused = 0;
    const count = Number(process.env['TCPLAB_FILES'] ?? 600);
    for (let index = 0; index < count; index++) {
      let bytes = Buffer.from(bytesOf(files[next(files.length)] as string));
      for (let change = next(6); change >= 0; change--) {
        const at = next(bytes.length);
        if (next(4) === 0) bytes = bytes.subarray(0, Math.max(1, at));
        else if (next(3) === 0) bytes.fill(next(2) * 0xff, at, Math.min(bytes.length, at + 1 + next(8)));
        else bytes.writeUInt8(next(256), at);
      }
      try {
        const result = await readBytes(bytes);
        if (!validate(result)) throw new Error(JSON.stringify(validate.errors));
      } catch (error) {
        if (!(error instanceof CaptureError))
          throw new Error(`seed ${seed}, file ${index}`, { cause: error });
        expect(error.message).toMatch(/expected/);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(count / 100);
    expect(refused).toBeLessThan(count);
  }, 600_000);

  it('that claims packets of 4 GB is refused before they are read', async () => {
    const bytes = Buffer.from(bytesOf('near-client-fin-wait-2.pcap'));
    bytes.writeUInt32LE(0xffff_fff0, 24 + 8);
    await expect(readBytes(bytes)).rejects.toThrow(/packet 1 \(byte 24\): expected at most/);
  });
});

describe('tcplab read', () => {
  const run = (args: string[], input?: Buffer, environment = {}) => {
    const [program = '', ...first] = TCPLAB;
    return spawnSync(program, [...first, 'read', ...args], {
      encoding: 'utf8',
      env: { ...process.env, ...environment },
      ...(input && { input }),
    });
  };
  const file = join(CAPTURES, 'near-client-fin-wait-2.pcap');

  it('says what waits, in words', () => {
    const { stdout, status } = run([file]);
    expect(status).toBe(0);
    expect(stdout).toContain('FIN-WAIT-2, or FIN-WAIT-1');
    expect(stdout).toContain('b owes a FIN');
    expect(stdout).toContain('tcplab hold close-wait');
  });

  it('reads a pipe and gzip, and prints what the schema describes', () => {
    for (const input of [bytesOf('near-client-fin-wait-2.pcap'), gzipSync(bytesOf('nat-both.pcapng'))]) {
      const { stdout, status } = run(['-', '--json'], input);
      expect(status).toBe(0);
      expect(validate(JSON.parse(stdout))).toBe(true);
    }
  });

  it.each([
    ['two-interleaved.pcap', ['--connection', '2'], '36774'],
    ['two-interleaved.pcap', ['--connection', '1', '--json'], '36766'],
  ])('shows one connection of %s', (name, args, port) => {
    const { stdout } = run([join(CAPTURES, name), ...args]);
    expect(stdout).toContain(port);
    expect(stdout).not.toContain(port === '36774' ? '36766' : '36774');
  });

  it.each<[string, string[], Buffer | undefined, RegExp]>([
    ['a missing file', ['/nonexistent.pcap'], undefined, /cannot read \/nonexistent.pcap/],
    ['an empty one', ['-'], Buffer.alloc(0), /expected pcap/],
    ['something else', ['-'], Buffer.from([0, 1, 2, 3, 4]), /expected pcap, pcapng or the text of tcpdump/],
    ['prose', ['-'], Buffer.from('hello\n'), /found no TCP segment/],
    [
      'a broken gzip',
      ['-'],
      gzipSync(bytesOf('loopback.pcap')).subarray(0, 200),
      /cannot unpack the gzip file/,
    ],
    [
      'a number that no connection has',
      [file, '--connection', '9'],
      undefined,
      /has no connection 9: it has 1/,
    ],
    ['another place', [file, '--at', 'moon'], undefined, /client, server, both, between/],
  ])('refuses %s with a clear error', (_title, args, input, message) => {
    const { stderr, status } = run(args, input);
    expect(status).toBe(2);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n {4}at /);
  });
});
