import { printable } from './printable.ts';

/**
 * The one error class of tcplab. What went wrong, what to do about it, and a code that stays the same.
 *
 * `code` decides the exit status: `USAGE` 2, `MACHINE` 3 (this machine can't), everything else 1.
 *
 * Message and hint may quote a program, a file or a remote host: what could steer a terminal in them is escaped.
 */
export type ErrorCode = 'USAGE' | 'MACHINE' | 'SYSTEM' | 'TIMEOUT';

export class TcplabError extends Error {
  override readonly name: string = 'TcplabError';
  readonly code: ErrorCode;
  /** What the user can do about it; one sentence or command. */
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

/** A system call that failed: which one, on what, and the errno's name. */
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
