import { closeSync } from 'node:fs';
import { check, libc } from './libc.ts';

// The same numbers on every architecture (Linux 5.3 and 5.6), and not in older C libraries.
const SYS_PIDFD_OPEN = 434;
const SYS_PIDFD_GETFD = 438;

/**
 * Runs `work` with a copy of another process's descriptor, which is closed afterwards (pidfd_getfd(2)). For that moment the
 * file stays open even if the process closes it. Needs to be root, or the same user; throws a SystemError.
 */
export function withDescriptorOf<T>(pid: number, fd: number, work: (fd: number) => T): T {
  const process = check(Number(libc.pidfdOpen(SYS_PIDFD_OPEN, pid, 0)), 'pidfd_open', `process ${pid}`);
  try {
    const copy = check(
      Number(libc.pidfdGetfd(SYS_PIDFD_GETFD, process, fd, 0)),
      'pidfd_getfd',
      `process ${pid}`,
    );
    try {
      return work(copy);
    } finally {
      closeSync(copy);
    }
  } finally {
    closeSync(process);
  }
}
