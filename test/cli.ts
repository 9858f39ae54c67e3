import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, type TestContext } from 'vitest';
import { currentPrivilege } from '../src/kernel/privileges.ts';
import { killProcess } from '../src/kernel/process.ts';
import type { ScenarioResult } from '../src/report/story/result.ts';
import type { RunReport } from '../src/report/story/run-report.ts';

/** What the tests of the command line share: they run the built tcplab as people do, and look at what it does. */

export const REPOSITORY: string = fileURLToPath(new URL('..', import.meta.url));
const MAIN = 'dist/cli/main.js';
/** What runs tcplab, before its arguments. */
export const TCPLAB: readonly string[] = [process.execPath, join(REPOSITORY, MAIN)];

/** As an ordinary user all tests run inside a user namespace, where the user's number is 0 as well. */
export const IS_ROOT: boolean = currentPrivilege() === 'root';

export function needRoot(context: TestContext, what: string): void {
  if (!IS_ROOT) context.skip(`needs root: ${what}`);
}

export interface Outcome {
  /** As a shell gives it: 128 and the signal's number for a program that a signal ended. */
  status: number;
  stdout: string;
  stderr: string;
}

const folders: string[] = [];

// Runs once per test file, because each loads this module again.
afterAll(() => {
  for (const pid of allLiving()) killProcess(pid);
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** Every program carries it and a number in its environment, and so do all that it starts. */
const MARK = `TCPLAB_TEST_MARK=${process.pid} ${performance.timeOrigin}`;
let programs = 0;

/** A program that was started, and what it has said so far. */
export class Program {
  readonly #mark = `${MARK} ${++programs}.`;
  readonly child: ChildProcess;
  readonly ended: Promise<Outcome>;
  stdout = '';
  stderr = '';
  #isOver = false;
  #changed: () => void = () => {};

  constructor(command: readonly string[], environment: NodeJS.ProcessEnv = {}) {
    const [program = '', ...args] = command;
    const [mark = '', value] = this.#mark.split('=');
    const env = { ...process.env, ...environment, [mark]: value };
    this.child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      this.#changed();
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
      this.#changed();
    });
    this.ended = new Promise((resolve, reject) => {
      this.child.once('error', reject);
      this.child.once('close', (code, signal) => {
        this.#isOver = true;
        this.#changed();
        const status = code ?? 128 + constants.signals[signal ?? 'SIGKILL'];
        resolve({ status, stdout: this.stdout, stderr: this.stderr });
      });
    });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** The processes that it has started, and these in turn, as far as they live. */
  offspring(): number[] {
    return livingWith(this.#mark).filter((pid) => pid !== this.pid);
  }

  /** Waits until it has said something that matches. */
  async until(pattern: RegExp, stream: 'stdout' | 'stderr' = 'stdout'): Promise<void> {
    while (!pattern.test(this[stream])) {
      if (this.#isOver) throw new Error(`ended without ${pattern}: ${this.stdout}${this.stderr}`);
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }
}

/** The living processes of all programs that this file of tests has started. */
export function allLiving(): number[] {
  return livingWith(MARK);
}

function livingWith(mark: string): number[] {
  return readdirSync('/proc').flatMap((name) => {
    const pid = Number(name);
    return pid && environmentOf(pid).some((entry) => entry.startsWith(mark)) ? [pid] : [];
  });
}

function environmentOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  } catch {
    // It has ended meanwhile, or is not ours.
    return [];
  }
}

/** Runs a program to its end. */
export function run(command: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  return new Program(command, environment).ended;
}

/** Runs the tcplab of this repository to its end. */
export function tcplab(...args: string[]): Promise<Outcome> {
  return run([...TCPLAB, ...args]);
}

let turn: Promise<unknown> = Promise.resolve();

/**
 * Runs a command line in this process, one after the other: for what does not depend on the process. It takes a fifth of the
 * processor's time. What a command beside a lab prints is not in the outcome, because it has this process's output.
 */
export function tcplabHere(...args: string[]): Promise<Outcome> {
  return tcplabHereWith({}, ...args);
}

/** Not for TCPLAB_KERNEL_EVENTS: the labs of a process share one source of kernel events. */
export function tcplabHereWith(environment: NodeJS.ProcessEnv, ...args: string[]): Promise<Outcome> {
  // Started again in a user namespace, it would take the place of this process.
  if (currentPrivilege() === 'none') return run([...TCPLAB, ...args], environment);
  const outcome = turn.then(() => runHere(args, environment));
  turn = outcome.catch(() => {});
  return outcome;
}

/** Holds in this process, and runs a shell script beside it; the outcome has what that prints. */
export async function holdHere(hold: readonly string[], host: string, script: string): Promise<Outcome> {
  const file = join(temporaryFolder(), 'printed');
  const outcome = await tcplabHere(
    'hold',
    ...hold,
    '--on',
    host,
    '--',
    'sh',
    '-c',
    `exec >${file}; ${script}`,
  );
  return { ...outcome, stdout: outcome.stdout + (existsSync(file) ? readFileSync(file, 'utf8') : '') };
}

const SIGNALS = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR2'] as const;

async function runHere(args: string[], environment: NodeJS.ProcessEnv): Promise<Outcome> {
  const { ALL_COMMANDS } = await import('../src/cli/all-commands.ts');
  const { runLine } = await import('../src/cli/tcplab.ts');
  const said = { stdout: '', stderr: '' };
  const { exitCode, stdout, stderr, env } = process;
  const [write, writeError] = [stdout.write, stderr.write];
  const keepIn = (stream: keyof typeof said) => (text: string | Uint8Array) => {
    said[stream] += text;
    return true;
  };
  const listeners = SIGNALS.map((signal) => [signal, process.listeners(signal)] as const);
  stdout.write = keepIn('stdout');
  stderr.write = keepIn('stderr');
  process.exitCode = undefined;
  process.env = { ...env, ...environment };
  try {
    await runLine(args, ALL_COMMANDS);
    return { status: Number(process.exitCode ?? 0), ...said };
  } finally {
    [stdout.write, stderr.write] = [write, writeError];
    process.env = env;
    process.exitCode = exitCode;
    for (const [signal, before] of listeners) {
      process.removeAllListeners(signal);
      for (const listener of before) process.on(signal, listener);
    }
  }
}

/** Repeats a run of all scenarios if the machine was too slow for one, as its result says. */
export async function inTime<T>(
  attempt: () => Promise<T>,
  resultsOf: (made: T) => ScenarioResult[],
  wasTooSlow: (result: ScenarioResult) => boolean = (result) =>
    outlastedItsRequest(result) || wasNotPolled(result),
): Promise<T> {
  for (let tries = 1; ; tries++) {
    const made = await attempt();
    if (tries === 5 || !resultsOf(made).some(wasTooSlow)) return made;
  }
}

const FIRST_TIMER_MS = 1000;

/**
 * The kernel removes a request whose SYN-ACK can't leave its host at the first timer, after 1 s, and the client's next SYN makes
 * a new one. If a busy machine takes longer than that for a hold, the state is rightly not proven.
 */
export function outlastedItsRequest({
  scenario,
  verdict,
  because,
  reachedMs,
  heldMs,
}: ScenarioResult): boolean {
  const lastedMs = (reachedMs ?? 0) + (heldMs ?? 0);
  return (
    scenario === 'syn-received-dropped-at-server' &&
    verdict === 'unproven' &&
    /another socket than before is in SYN-RECEIVED/.test(because ?? '') &&
    lastedMs > 0.9 * FIRST_TIMER_MS
  );
}

/**
 * All labs of a run share one thread, and tcplab claims nothing of a second in which it could not poll: while other processes
 * had the processor, or iptables-restore waited for a kernel module.
 */
function wasNotPolled({ verdict, because }: ScenarioResult): boolean {
  return verdict === 'unproven' && /nothing read (it|the socket tables) for [\d.]+ s/.test(because ?? '');
}

/** The message begins with the scenarios that are not proven and why, so that a shortened log has them too. */
export function expectProven(
  results: readonly Pick<ScenarioResult, 'scenario' | 'verdict' | 'because'>[],
): void {
  const others = results.filter(({ verdict }) => verdict !== 'proven');
  const said = others.map(({ scenario, verdict, because }) => `${scenario} is ${verdict}: ${because}`);
  expect(said, said.join('; ')).toEqual([]);
}

/** What a run has printed as JSON; none where it was not to be had. */
export function resultsIn({ stdout }: Outcome): ScenarioResult[] {
  return stdout.startsWith('{') ? (JSON.parse(stdout) as RunReport).results : [];
}

/** A folder that is gone when the tests of this file are over. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tcplab-test-'));
  folders.push(folder);
  return folder;
}

const NOBODY = 65534;

/**
 * Gives what runs tcplab without privileges, before its arguments. For root a copy of tcplab that everyone may read,
 * as a user who owns nothing; in a user namespace another number than 0 in one more, which has no capabilities.
 */
export function tcplabAsOrdinaryUser(): string[] {
  if (!IS_ROOT) return ['unshare', '--user', '--map-user=1000', '--map-group=1000', '--', ...TCPLAB];
  const folder = temporaryFolder();
  chmodSync(folder, 0o755);
  for (const path of ['package.json', 'dist', 'lessons', ...runtimePackages()]) {
    cpSync(join(REPOSITORY, path), join(folder, path), { recursive: true });
  }
  const home = join(folder, 'home');
  mkdirSync(home);
  chownSync(home, NOBODY, NOBODY);
  const ids = ['--reuid', `${NOBODY}`, '--regid', `${NOBODY}`, '--clear-groups'];
  const asNobody = ['setpriv', ...ids, '--', 'env', `HOME=${home}`, `TMPDIR=${home}`];
  const mayRunNode = spawnSync('setpriv', [...ids, '--', process.execPath, '--version']).status === 0;
  if (!mayRunNode) cpSync(process.execPath, join(folder, 'node'));
  spawnSync('chmod', ['-R', 'a+rX', folder]);
  return [...asNobody, mayRunNode ? process.execPath : join(folder, 'node'), join(folder, MAIN)];
}

/** The folders of what tcplab needs when it runs, below the repository's: `node_modules/koffi` and so on. */
export function runtimePackages(): string[] {
  const lock = JSON.parse(readFileSync(join(REPOSITORY, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean }>;
  };
  return Object.entries(lock.packages).flatMap(([path, { dev }]) =>
    path !== '' && !dev && existsSync(join(REPOSITORY, path)) ? [path] : [],
  );
}

/** Repeats `attempt` until it returns something. */
export async function eventually<T>(
  what: string,
  attempt: () => T | Promise<T>,
  withinMs = 20_000,
): Promise<NonNullable<T>> {
  for (const start = performance.now(); performance.now() - start < withinMs; await pause(5)) {
    const result = await attempt();
    if (result) return result;
  }
  throw new Error(`not seen within ${withinMs} ms: ${what}`);
}

export interface Listed {
  id: string;
  title: string;
  host: 'client' | 'server';
  state: string;
  peer: string;
  heldBy: string;
}

/** What `tcplab list --json` prints. */
export function listed(): Listed[] {
  const [node = '', ...args] = [...TCPLAB, 'list', '--json'];
  return JSON.parse(spawnSync(node, args, { encoding: 'utf8' }).stdout) as Listed[];
}
