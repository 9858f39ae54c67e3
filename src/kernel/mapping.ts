import koffi from 'koffi';
import { check, libc } from './libc.ts';

const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 0x01;
const MAP_PRIVATE = 0x02;
const MAP_ANONYMOUS = 0x20;
const MAP_FAILED = 2n ** 64n - 1n;

/** Memory that this process maps (mmap(2)). */
export interface Mapping {
  /** Where it begins, for pointers into it. */
  readonly address: bigint;
  /** The memory itself, not a copy. Never to be touched after `unmap`. */
  readonly bytes: Buffer;
  unmap(): void;
}

/** Memory of its own, whose address stays the same. */
export function mapMemory(length: number): Mapping {
  return map(length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, 'memory');
}

/**
 * What a descriptor stands for, from `offset` on: as others write it, too, if it is `shared`. Throws a SystemError where it
 * can't be mapped.
 */
export function mapDescriptor(
  fd: number,
  options: { length: number; offset?: number; shared: boolean; writable?: boolean; what: string },
): Mapping {
  const { length, offset = 0, shared, writable = false, what } = options;
  const protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
  return map(length, protection, shared ? MAP_SHARED : MAP_PRIVATE, fd, offset, what);
}

function map(
  length: number,
  protection: number,
  flags: number,
  fd: number,
  offset: number,
  what: string,
): Mapping {
  const address = libc.mmap(null, length, protection, flags, fd, offset);
  check(address === MAP_FAILED ? -1 : 0, 'mmap', what);
  return {
    address,
    bytes: Buffer.from(koffi.view(address, length)),
    unmap: () => check(libc.munmap(address, length), 'munmap', what),
  };
}
