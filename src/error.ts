import { printable } from './printable.ts';

/** Decides the exit status: `USAGE` 2, `MACHINE` 3 (this machine lacks something), everything else 1. */
export type ErrorCode = 'USAGE' | 'MACHINE' | 'SYSTEM' | 'TIMEOUT';

/** The error class of tcplab: what went wrong, what to do about it, and a code that stays the same. */
export class TcplabError extends Error {
  override readonly name: string = 'TcplabError';
  readonly code: ErrorCode;
  /** What the user can do about it: one sentence or command. */
  readonly hint: string | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { hint?: string | undefined; cause?: unknown } = {},
  ) {
    super(printable(message), options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.hint = options.hint === undefined ? undefined : printable(options.hint);
  }
}

/** A failed system call: which call, on what, and the name of the errno. */
export class SystemError extends TcplabError {
  override readonly name = 'SystemError';
  readonly syscall: string;
  /** errno's symbolic name (`EPERM`). */
  readonly errno: string;

  constructor(
    syscall: string,
    errno: string,
    options: { detail?: string; hint?: string | undefined; code?: ErrorCode } = {},
  ) {
    const what = options.detail ? `${syscall} (${options.detail})` : syscall;
    super(options.code ?? 'SYSTEM', `${what} failed: ${errno}`, { hint: options.hint });
    this.syscall = syscall;
    this.errno = errno;
  }
}

/** What a user can do about EMFILE. */
export const MORE_DESCRIPTORS =
  'raise the limit of open files (`ulimit -n 1024`), or open fewer labs at once (--jobs 1)';

/** The error that came first, where the disposal that followed failed as well (SuppressedError). */
export function firstError(error: unknown): unknown {
  return error instanceof Error && 'suppressed' in error ? firstError(error.suppressed) : error;
}
