import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { TcplabError } from '../error.ts';
import { killProcess, processStartTime } from '../kernel/process.ts';
import { readJournal } from './journal.ts';
import { takeBackAll } from './leftovers.ts';

/** When nothing has been heard for so long, the other side is gone. */
export const SILENCE_MS = 10_000;

/**
 * A process of its own, in a session of its own, that takes back what an agent has changed on its machine when the agent is
 * gone, or has heard nothing of whoever started it for too long: then it ends the agent as well.
 */
export class Watchdog {
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess) {
    this.#process = process;
  }

  /** Once it is given, it watches, and needs no file any more. */
  static async start(journal: string): Promise<Watchdog> {
    const script = fileURLToPath(import.meta.url);
    const child = spawn(process.execPath, [script, journal, String(process.pid)], {
      stdio: ['pipe', 'pipe', 'ignore'],
      detached: true,
    });
    child.stdin?.on('error', () => {
      // It was killed. The journal is still there, for `tcplab clean`.
    });
    const [said] = await Promise.race([
      once(child.stdout as NodeJS.ReadableStream, 'data'),
      once(child, 'exit'),
    ]);
    if (!Buffer.isBuffer(said)) throw new TcplabError('SYSTEM', 'the watchdog of the agent did not start');
    child.unref();
    for (const pipe of [child.stdin, child.stdout]) (pipe as unknown as { unref(): void }).unref();
    return new Watchdog(child);
  }

  /** Something was heard. */
  feed(): void {
    this.#process.stdin?.write('.');
  }

  /** All is as it was. */
  async dismiss(): Promise<void> {
    const gone = once(this.#process, 'exit');
    this.#process.stdin?.write('over');
    await gone;
  }
}

/** What the process does. */
function watch(journal: string, agent: number): void {
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) process.on(signal, () => {});
  const startTime = processStartTime(agent);
  const bite = () => {
    // One that is stopped, or hangs, must not go on later.
    if (processStartTime(agent) === startTime) killProcess(agent);
    process.exit(takeBackAll(journal).length === 0 ? 0 : 1);
  };
  let timer = setTimeout(bite, SILENCE_MS);
  process.stdin.setEncoding('utf8');
  process.stdin.on('data', (text: string) => {
    if (text.includes('over')) process.exit(0);
    clearTimeout(timer);
    timer = setTimeout(bite, SILENCE_MS);
  });
  process.stdin.on('end', bite);
  // What takes back has been loaded, and the journal is there.
  readJournal(journal);
  process.stdout.write('watching\n');
}

const [, script, journal, agent] = process.argv;
if (script === fileURLToPath(import.meta.url) && journal !== undefined) watch(journal, Number(agent));
