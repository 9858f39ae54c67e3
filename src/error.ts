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

/**
 * What an error is made of, the first one first. `using` wraps the error of a block whose disposal fails as well into a
 * `SuppressedError` (ECMAScript 2026), where the first error is the innermost.
 */
export function errorsOf(error: unknown): unknown[] {
  if (!(error instanceof Error) || error.name !== 'SuppressedError' || !('suppressed' in error))
    return [error];
  const { suppressed, error: later } = error as Error & { suppressed: unknown; error: unknown };
  return [...errorsOf(suppressed), ...errorsOf(later)];
}

/** Throws a single error as it is, several as one `TcplabError` with the code and the hint of the first; none not at all. */
export function throwTogether(errors: readonly unknown[]): void {
  const [first] = errors;
  if (errors.length === 0) return;
  if (errors.length === 1) throw first;
  const messages = errors.map((error) => (error instanceof Error ? error.message : String(error)));
  const { code, hint } = first instanceof TcplabError ? first : { code: 'SYSTEM' as const, hint: undefined };
  throw new TcplabError(code, messages.join('; '), { hint, cause: new AggregateError(errors) });
}

/** A setting that can't be made. No lab with these settings can do better, so it ends a run of many. */
export class SettingError extends TcplabError {
  constructor(message: string, hint?: string) {
    super('USAGE', message, { hint });
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
