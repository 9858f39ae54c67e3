import { openSync } from 'node:fs';
import { SystemError } from '../error.ts';
import { systemError } from './system-error.ts';

/** Opens a file, as openSync() does; throws a SystemError. */
export function openFile(path: string, flags: string | number = 'r'): number {
  return withSystemErrors(path, () => openSync(path, flags));
}

/**
 * What `read` returns, or undefined if there is nothing to read: the process or the file is gone, or belongs to another user.
 * A process without a free descriptor cannot tell whether there is something, so that throws.
 */
export function ifThere<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isOutOfDescriptors(error)) throw asSystemError(error, 'reading /proc');
    return undefined;
  }
}

/** Turns the errors that Node's own calls throw into SystemErrors. `detail` names what they work on, unless Node does. */
export function withSystemErrors<T>(detail: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw asSystemError(error, detail);
  }
}

/** An error of Node's own calls as a SystemError; every other error as it is. */
export function asSystemError(error: unknown, detail: string): unknown {
  if (error instanceof SystemError || !(error instanceof Error)) return error;
  const { syscall, code, errno, path } = error as NodeJS.ErrnoException;
  if (code === undefined || errno === undefined) return error;
  return systemError(syscall ?? 'system call', code, path ?? detail);
}

/** EMFILE or ENFILE, of Node's calls and of tcplab's own. */
export function isOutOfDescriptors(error: unknown): boolean {
  return (
    ['EMFILE', 'ENFILE'].includes((error as NodeJS.ErrnoException).code ?? '') ||
    (error instanceof SystemError && ['EMFILE', 'ENFILE'].includes(error.errno))
  );
}
