import { getSystemErrorMap } from 'node:util';
import { MORE_DESCRIPTORS, SystemError } from '../error.ts';

/** The error of a system call, with what to do about it. Code MACHINE where privileges or descriptors are missing. */
export function systemError(syscall: string, errno: string, detail?: string): SystemError {
  // A packet filter rejects what a process sends with EPERM as well (iptables-extensions(8)).
  const hint = SENDS.has(syscall) ? undefined : HINTS[errno];
  return new SystemError(syscall, errno, {
    ...(detail ? { detail } : {}),
    ...(hint ? { code: 'MACHINE', hint } : {}),
  });
}

const SENDS = new Set(['send', 'sendto', 'connect']);
const PRIVILEGES = '`tcplab doctor` shows which privilege is missing';
const HINTS: Readonly<Record<string, string>> = {
  EPERM: PRIVILEGES,
  EACCES: PRIVILEGES,
  EMFILE: MORE_DESCRIPTORS,
  ENFILE: 'the machine has too few descriptors: raise sysctl fs.file-max',
};

/** `no such file or directory` */
export function reasonOf(error: unknown): string {
  const { errno, message } = error as NodeJS.ErrnoException;
  return getSystemErrorMap().get(errno ?? 0)?.[1] ?? message;
}
