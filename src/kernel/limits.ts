import { closeSync, readdirSync, readFileSync } from 'node:fs';
import { DisposableStack } from './disposable-stack.ts';
import { ifThere, openFile, withSystemErrors } from './files.ts';
import { check, libc } from './libc.ts';

// getrlimit(2). struct rlimit (16 bytes, aligned to 8): the soft limit, the hard one.
const RLIMIT_NOFILE = 7;
const RLIMIT_MEMLOCK = 8;
const F_DUPFD_CLOEXEC = 1030;

/** How many descriptors this process may have: Node raises the soft limit to the hard one when it starts. */
export function descriptorLimit(): number {
  const limit = Buffer.alloc(16);
  check(libc.getrlimit(RLIMIT_NOFILE, limit), 'getrlimit', 'RLIMIT_NOFILE');
  const soft = limit.readBigUInt64LE();
  // RLIM_INFINITY is the greatest number there is.
  return soft > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(soft);
}

/** Throws, with code MACHINE, unless so many descriptors are free: for calls that fail badly without. */
export function needDescriptors(count: number): void {
  using undo = new DisposableStack();
  for (let number = 1; number <= count; number++) {
    const fd = openFile('/dev/null');
    undo.defer(() => closeSync(fd));
  }
}

/** Without enough descriptors for its pipes and its own, Node's spawn() leaks those that it has opened. */
export const SPAWN_DESCRIPTORS = 8;

/** How many it has now. */
export function descriptorsOpen(): number {
  return withSystemErrors('/proc/self/fd', () => readdirSync('/proc/self/fd').length);
}

/**
 * Has the kernel make room for descriptors up to this one at once. A process with threads, as Node is, else waits for an
 * RCU grace period each time that its table grows to twice its size (fs/file.c, expand_fdtable).
 */
export function makeRoomForDescriptors(highest: number): void {
  const fd = openFile('/dev/null');
  const high = libc.fcntl(fd, F_DUPFD_CLOEXEC, Math.min(highest, descriptorLimit() - 1));
  if (high >= 0) libc.close(high);
  closeSync(fd);
}

/** How many bytes the kernel can still give without swapping (proc(5), /proc/meminfo), or this container may have (cgroups(7)). */
export function memoryAvailable(): number {
  const kibibytes = numberIn('/proc/meminfo', /^MemAvailable:\s+(\d+)/m) ?? Number.POSITIVE_INFINITY;
  const most = numberIn('/sys/fs/cgroup/memory.max', /^(\d+)/) ?? Number.POSITIVE_INFINITY;
  const used = numberIn('/sys/fs/cgroup/memory.current', /^(\d+)/) ?? 0;
  return Math.min(kibibytes * 1024, most - used);
}

/**
 * How many pages TCP can still have for what is not acknowledged or not read before the kernel gives all sockets of the machine
 * less (tcp(7), tcp_mem, its second value). Undefined where it can't be read.
 */
export function tcpPagesFree(): number | undefined {
  const pressure = numberIn('/proc/sys/net/ipv4/tcp_mem', /^\d+\s+(\d+)/);
  const used = numberIn('/proc/net/sockstat', /^TCP:.* mem (\d+)/m);
  return pressure === undefined || used === undefined ? undefined : pressure - used;
}

function numberIn(path: string, pattern: RegExp): number | undefined {
  const [, digits] = pattern.exec(ifThere(() => readFileSync(path, 'utf8')) ?? '') ?? [];
  return digits === undefined ? undefined : Number(digits);
}

/**
 * Raises the limit for locked memory to so many bytes while `work` runs, as far as this process may. Before Linux 5.11 the
 * maps and programs of BPF count as locked memory, and the usual limit of 64 KiB is too low for them.
 */
export function withLockedMemory<T>(bytes: number, work: () => T): T {
  const before = Buffer.alloc(16);
  check(libc.getrlimit(RLIMIT_MEMLOCK, before), 'getrlimit', 'RLIMIT_MEMLOCK');
  const enough = Buffer.alloc(16);
  for (const offset of [0, 8]) {
    const limit = before.readBigUInt64LE(offset);
    enough.writeBigUInt64LE(limit > BigInt(bytes) ? limit : BigInt(bytes), offset);
  }
  if (enough.equals(before) || libc.setrlimit(RLIMIT_MEMLOCK, enough) !== 0) return work();
  try {
    return work();
  } finally {
    libc.setrlimit(RLIMIT_MEMLOCK, before);
  }
}
