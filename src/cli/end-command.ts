import type { ChildProcess } from 'node:child_process';

/** What does not hear SIGTERM (a shell that a person talks to, say) has this long. */
const GRACE_MS = 1000;

/** Passes a signal on to a command; and when its time is over, ends it as timeout(1) does: by SIGTERM, in the end by SIGKILL. */
export function endCommand(child: ChildProcess, signal: Promise<number>, forMs: number | undefined): void {
  void signal.then((number) => child.kill(number));
  if (forMs === undefined) return;
  const timer = setTimeout(() => {
    child.kill('SIGTERM');
    const last = setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
    child.once('exit', () => clearTimeout(last));
  }, forMs);
  child.once('exit', () => clearTimeout(timer));
}
