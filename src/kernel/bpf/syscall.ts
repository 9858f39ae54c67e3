import koffi from 'koffi';
import { SystemError, TcplabError } from '../../error.ts';
import { check, lastErrno, libc } from '../libc.ts';
import { whyNoKernelEvents } from '../privileges.ts';

// bpf(2); include/uapi/linux/bpf.h
const SYS_BPF = process.arch === 'x64' ? 321 : 280;
const [MAP_CREATE, MAP_LOOKUP, MAP_UPDATE, MAP_DELETE, PROG_LOAD, PROG_TEST_RUN] = [0, 1, 2, 3, 5, 10];
const [OBJ_GET_INFO_BY_FD, RAW_TRACEPOINT_OPEN] = [15, 17];
const PROG_TYPE_RAW_TRACEPOINT = 17;
/** union bpf_attr, aligned to 8: its length in the newest kernels is more, and what is left out counts as zeros. */
const ATTRIBUTES = 128;
const LOG = 64 * 1024;
/** Where struct bpf_prog_info has recursion_misses (Linux 5.12). */
const RECURSION_MISSES = 208;
/** BPF_OBJ_NAME_LEN, less the zero at its end. */
const LONGEST_NAME = 15;

const BPF_F_MMAPABLE = 1024;
const MAPS = {
  hash: { type: 1, flags: 0 },
  mappedArray: { type: 2, flags: BPF_F_MMAPABLE },
  lruHash: { type: 9, flags: 0 },
  ring: { type: 27, flags: 0 },
} as const;

/**
 * The sizes of keys and values are in bytes; a ring has neither, and `entries` is its size in bytes. By `name`, people find it
 * in the list of bpftool(8).
 */
export function createMap(
  name: string,
  kind: 'hash' | 'mappedArray' | 'lruHash' | 'ring',
  sizes: { key: number; value: number; entries: number },
): number {
  return bpf(MAP_CREATE, 'map', (attributes) => {
    attributes.writeUInt32LE(MAPS[kind].type, 0);
    attributes.writeUInt32LE(sizes.key, 4);
    attributes.writeUInt32LE(sizes.value, 8);
    attributes.writeUInt32LE(sizes.entries, 12);
    attributes.writeUInt32LE(MAPS[kind].flags, 16);
    attributes.write(`tcplab_${name}`.slice(0, LONGEST_NAME), 28, 'latin1');
  });
}

export function updateMap(map: number, key: Buffer, value: Buffer): void {
  bpf(MAP_UPDATE, 'map element', element(map, key, value));
}

/** Reads a value into `value`. False where the map has no such key. */
export function lookUp(map: number, key: Buffer, value: Buffer): boolean {
  return ifFound(() => bpf(MAP_LOOKUP, 'map element', element(map, key, value)));
}

export function deleteFromMap(map: number, key: Buffer): boolean {
  return ifFound(() => bpf(MAP_DELETE, 'map element', element(map, key)));
}

/** Has the kernel check a program, and gives the descriptor by which it is attached. */
export function loadProgram(name: string, code: Buffer): number {
  const license = Buffer.from('GPL\0');
  const fill = (log: Buffer | undefined) => (attributes: Buffer) => {
    attributes.writeUInt32LE(PROG_TYPE_RAW_TRACEPOINT, 0);
    attributes.writeUInt32LE(code.length / 8, 4);
    attributes.writeBigUInt64LE(addressOf(code), 8);
    attributes.writeBigUInt64LE(addressOf(license), 16);
    attributes.write(`tcplab_${name}`.slice(0, LONGEST_NAME), 48, 'latin1');
    if (!log) return;
    attributes.writeUInt32LE(1, 24);
    attributes.writeUInt32LE(log.length, 28);
    attributes.writeBigUInt64LE(addressOf(log), 32);
  };
  try {
    return bpf(PROG_LOAD, `program for ${name}`, fill(undefined));
  } catch (error) {
    if (!(error instanceof SystemError) || !['EACCES', 'EINVAL'].includes(error.errno)) throw error;
    // The verifier's reason, which the kernel gives only on request.
    const log = Buffer.alloc(LOG);
    try {
      return bpf(PROG_LOAD, `program for ${name}`, fill(log));
    } catch {
      const lines = log.toString('latin1', 0, log.indexOf(0)).trim().split('\n');
      const why = lines.at(-2) ?? error.message;
      throw new TcplabError('MACHINE', `the kernel refuses the program for ${name}: ${why}`, {
        cause: error,
      });
    }
  }
}

/** Runs it whenever the tracepoint fires, for as long as the descriptor that this gives is open. */
export function attach(tracepoint: string, program: number): number {
  const name = Buffer.from(`${tracepoint}\0`);
  return bpf(RAW_TRACEPOINT_OPEN, `tracepoint ${tracepoint}`, (attributes) => {
    attributes.writeBigUInt64LE(addressOf(name), 0);
    attributes.writeUInt32LE(program, 8);
  });
}

/** Runs a program once, with these arguments for its tracepoint's (Linux 5.10). Returns its result. */
export function runProgram(program: number, args: readonly bigint[]): number {
  const context = Buffer.alloc(args.length * 8);
  for (const [index, argument] of args.entries()) context.writeBigUInt64LE(argument, index * 8);
  const attributes = Buffer.alloc(ATTRIBUTES);
  bpf(
    PROG_TEST_RUN,
    'program',
    (fields) => {
      fields.writeUInt32LE(program, 0);
      fields.writeUInt32LE(context.length, 40);
      fields.writeBigUInt64LE(addressOf(context), 48);
    },
    attributes,
  );
  return attributes.readUInt32LE(4);
}

/**
 * A count of how often the kernel has skipped a program: an interrupt came while that program ran, and met its tracepoint
 * (kernel/trace/bpf_trace.c, __bpf_trace_run). A few microseconds a call; always 0 before Linux 5.12.
 */
export function recursionMisses(program: number): () => bigint {
  const info = Buffer.alloc(RECURSION_MISSES + 8);
  const attributes = Buffer.alloc(ATTRIBUTES);
  const address = BigInt(koffi.address(info));
  const fill = (fields: Buffer) => {
    fields.writeUInt32LE(program, 0);
    fields.writeUInt32LE(info.length, 4);
    fields.writeBigUInt64LE(address, 8);
  };
  return () => {
    // What the kernel reads in there are sizes of other answers: none are asked for.
    info.fill(0);
    bpf(OBJ_GET_INFO_BY_FD, 'program', fill, attributes);
    return info.readBigUInt64LE(RECURSION_MISSES);
  };
}

function element(map: number, key: Buffer, value?: Buffer): (attributes: Buffer) => void {
  return (attributes) => {
    attributes.writeUInt32LE(map, 0);
    attributes.writeBigUInt64LE(addressOf(key), 8);
    if (value) attributes.writeBigUInt64LE(addressOf(value), 16);
  };
}

/** `attributes`: for a caller that reads what the kernel writes into it. */
function bpf(
  command: number,
  what: string,
  fill: (attributes: Buffer) => void,
  attributes: Buffer = Buffer.alloc(ATTRIBUTES),
): number {
  fill(attributes);
  try {
    for (;;) {
      const result = Number(libc.bpf(SYS_BPF, command, attributes, attributes.length));
      // A signal interrupts the kernel's check of a program.
      if (result < 0 && lastErrno() === 'EAGAIN') continue;
      if (result < 0 && lastErrno() === 'EPERM')
        throw new TcplabError('MACHINE', `${whyNoKernelEvents()} (bpf: EPERM)`);
      return check(result, 'bpf', what);
    }
  } finally {
    pointedTo.length = 0;
  }
}

function ifFound(work: () => unknown): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (error instanceof SystemError && error.errno === 'ENOENT') return false;
    throw error;
  }
}

/** Nothing else may refer to what the attributes of a call point to, and what nothing refers to is freed. */
const pointedTo: Buffer[] = [];

function addressOf(bytes: Buffer): bigint {
  pointedTo.push(bytes);
  return BigInt(koffi.address(bytes));
}
