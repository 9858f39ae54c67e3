import { closeSync, openSync, readdirSync } from 'node:fs';
import { check, libc } from './libc.ts';

const RLIMIT_NOFILE = 7;
const F_DUPFD_CLOEXEC = 1030;

/** How many descriptors this process may have: Node raises the soft limit to the hard one when it starts. */
export function descriptorLimit(): number {
  const limit = Buffer.alloc(16);
  check(libc.getrlimit(RLIMIT_NOFILE, limit), 'getrlimit', 'RLIMIT_NOFILE');
  const soft = limit.readBigUInt64LE();
  // RLIM_INFINITY is the greatest number there is.
  return soft > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(soft);
}

/** How many it has now. */
export function descriptorsOpen(): number {
  return readdirSync('/proc/self/fd').length;
}

/**
 * Has the kernel make room for descriptors up to this one at once. A process with threads, as Node is, else waits for an
 * RCU grace period each time that its table grows to twice its size (fs/file.c, expand_fdtable).
 */
export function makeRoomForDescriptors(highest: number): void {
  const fd = openSync('/dev/null', 'r');
  const high = libc.fcntl(fd, F_DUPFD_CLOEXEC, Math.min(highest, descriptorLimit() - 1));
  if (high >= 0) libc.close(high);
  closeSync(fd);
}
