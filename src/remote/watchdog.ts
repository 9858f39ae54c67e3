import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { DIST } from '../dist.ts';
import { TcplabError } from '../error.ts';
import { isAlive, killProcess, processesWith } from '../kernel/process.ts';
import { processOf, readJournal } from './journal.ts';
import { takeBackAll } from './leftovers.ts';

/** After so long without a message, the other side counts as dead. */
export const SILENCE_MS = 10_000;

/** Shorter than SILENCE_MS, so that the agent has finished cleaning up before its watchdog starts to. */
export const AGENT_SILENCE_MS = 8000;

/** What an agent and all that it starts have in their environment. */
const MARK = 'TCPLAB_AGENT';

/**
 * A separate process, in its own session, that undoes an agent's changes to its machine when the agent has exited. It does
 * so too, and kills the agent, when the agent has received nothing from its starter for too long.
 */
export class Watchdog {
  readonly #process: ChildProcess;
  /** Resolves when it has exited, for any reason. */
  readonly gone: Promise<void>;

  private constructor(process: ChildProcess) {
    this.#process = process;
    this.gone = new Promise((resolve) => {
      if (process.exitCode !== null || process.signalCode !== null) resolve();
      else process.once('exit', () => resolve());
    });
  }

  /** Once it is given, it watches, and needs no file any more. `agent`: the name of this process. */
  static async start(journal: string, agent: string): Promise<Watchdog> {
    // Whatever this process starts from now on has it.
    process.env[MARK] = agent;
    const script = fileURLToPath(new URL('remote/watchdog-process.cjs', DIST));
    const child = spawn(process.execPath, [script, journal, agent], {
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

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** A message was received. */
  feed(): void {
    this.#process.stdin?.write('.');
  }

  /** All is as it was. */
  async dismiss(): Promise<void> {
    this.#process.stdin?.write('over');
    await this.gone;
  }
}

/** How long a killed process may take to exit; one that the kernel delays further changes nothing any more. */
const GONE_WITHIN_MS = 2000;
/** xtables may be locked by another process, and a trace instance is busy until the last thread of its process has exited. */
const TRIES = 5;

/** What the process does. */
export function watch(journal: string, agent: string): void {
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) process.on(signal, () => {});
  let hasBitten = false;
  const bite = async () => {
    if (hasBitten) return;
    hasBitten = true;
    await end(agent);
    for (let tries = 1; takeBackAll(journal).length > 0; tries++) {
      if (tries === TRIES) process.exit(1);
      await pause(200);
    }
    process.exit(0);
  };
  let timer = setTimeout(bite, SILENCE_MS);
  process.stdin.setEncoding('utf8');
  process.stdin.on('data', (text: string) => {
    if (text.includes('over')) process.exit(0);
    clearTimeout(timer);
    timer = setTimeout(bite, SILENCE_MS);
  });
  process.stdin.on('end', bite);
  // The code that undoes changes is loaded, and the journal can be read.
  readJournal(journal);
  process.stdout.write('watching\n');
}

/** One that is stopped, or hangs, must not go on later; nor may what it has started, such as iptables, change things after us. */
async function end(agent: string): Promise<void> {
  const name = processOf(agent);
  if (!name) return;
  if (isAlive(name)) killProcess(name.pid);
  const isOver = () => !isAlive(name) && processesWith(mark).every(({ pid }) => pid === process.pid);
  const mark = new RegExp(`^${MARK}=(${agent})$`);
  for (const start = performance.now(); performance.now() - start < GONE_WITHIN_MS && !isOver(); )
    await pause(5);
}
