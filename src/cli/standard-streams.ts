import { constants } from 'node:os';
import { reasonOf } from '../kernel/system-error.ts';
import { complain } from './complaint.ts';
import { EXIT } from './exit.ts';

/** Ends tcplab with a sentence when its output can't be written, and as SIGPIPE would when its reader has closed the pipe. */
export function guardStandardStreams(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // `tcplab list | head -1` has what it wanted: no message, as from any other command in a pipe.
    if (error.code === 'EPIPE') process.exit(128 + constants.signals.SIGPIPE);
    complain(`cannot write to standard output: ${reasonOf(error)}`);
    process.exit(EXIT.notProven);
  });
  // The result is on standard output and in the exit status, and there is nowhere to report this.
  process.stderr.on('error', () => {});
}
