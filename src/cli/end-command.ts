import type { ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import { isInForeground } from '../kernel/process.ts';
import { EXIT } from './exit.ts';

/** Time between SIGTERM and SIGKILL: some commands, such as an interactive shell, ignore SIGTERM. */
const GRACE_MS = 1000;

/** Passes a signal on to a command. After `forMs`, ends it as timeout(1) does: with SIGTERM, and finally with SIGKILL. */
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

const PASSED_ON = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR2'] as const;
const FROM_THE_TERMINAL: readonly string[] = ['SIGINT', 'SIGQUIT'];

/**
 * Starts a command and passes on every signal to it, those that arrive while it starts too. A terminal sends Ctrl-C and
 * Ctrl-\ to all processes in the foreground, so the command has got these already.
 */
export async function startWithSignals(start: () => Promise<ChildProcess>): Promise<ChildProcess> {
  let child: ChildProcess | undefined;
  const early: NodeJS.Signals[] = [];
  for (const signal of PASSED_ON) {
    process.removeAllListeners(signal);
    process.on(signal, () => {
      if (FROM_THE_TERMINAL.includes(signal) && isInForeground()) return;
      if (child) child.kill(signal);
      else early.push(signal);
    });
  }
  child = await start();
  for (const signal of early) child.kill(signal);
  return child;
}

/** The exit status of a command, or as a shell gives it for one that a signal ended. */
export function statusOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    child.once('exit', (code, name) => resolve(code ?? 128 + constants.signals[name ?? 'SIGKILL']));
    child.once('error', () => resolve(EXIT.machineCannot));
  });
}
