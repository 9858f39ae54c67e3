import { type ChildProcess, spawn } from 'node:child_process';
import { setImmediate as turn } from 'node:timers/promises';
import type { HostName, TimelineEvent } from '../evidence/events.ts';
import type { NetworkNamespace } from '../kernel/namespace.ts';
import {
  descendantsOf,
  killProcess,
  processesIn,
  processesWith,
  processStartTime,
  socketHolders,
  watchOver,
} from '../kernel/process.ts';
import { systemCommand, UTIL_LINUX } from '../kernel/system-command.ts';
import type { SocketRow } from '../tcp/socket-row.ts';
import type { SpawnOptions, StartOptions } from './host.ts';
import { type Program, SpawnedProgram } from './program.ts';

/** The processes that are a lab's, which end with it. */
interface Processes {
  living(): number[];
  /** Is told of each that was started here. */
  add(pid: number): void;
  /** Has them killed when this process is gone, however it went. Gives what calls that off. */
  watchOver(): () => void;
  /** What each has in its environment. */
  environment: NodeJS.ProcessEnv;
}

/** In a namespace of the lab's own: all that are in there. */
export function processesOfNamespace({ name }: NetworkNamespace): Processes {
  return {
    living: () => processesIn(name),
    add: () => {},
    watchOver: () => watchOver({ namespace: name }),
    environment: {},
  };
}

/**
 * Where others are as well: those with this mark in their environment, which they have from whoever started them, and those
 * that threw their environment away (`env -i`, nginx) and descend from one that was started here.
 */
export function markedProcesses(mark: string): Processes {
  const variable = `TCPLAB_HOST=${mark}`;
  const started = new Map<number, string>();
  const isStill = (pid: number) => processStartTime(pid) === started.get(pid);
  return {
    living: () => {
      const marked = processesWith(new RegExp(`^TCPLAB_HOST=(${mark})$`)).map(({ pid }) => pid);
      const ours = new Set([...marked, ...[...started.keys()].filter(isStill)]);
      return [...new Set([...marked, ...descendantsOf(ours)])];
    },
    add: (pid) => started.set(pid, processStartTime(pid) ?? ''),
    watchOver: () => watchOver({ variable }),
    environment: { TCPLAB_HOST: mark },
  };
}

interface Options {
  name: HostName;
  namespace: NetworkNamespace;
  processes: Processes;
  nowMs: () => number;
  emit: (event: TimelineEvent) => void;
}

/** How long the end of programs that were killed may take; to find them may take a slow machine longer. */
const END_WITHIN_MS = 1000;

/** The programs that run in a host, and all that they start. */
export class NamespacePrograms {
  readonly #options: Options;
  /** Inodes of sockets whose holders were looked for. */
  readonly #known = new Set<number>();
  #stopWatching: (() => void) | undefined;
  #areThere = false;

  /** Whether there are any, or were. */
  get areThere(): boolean {
    return this.#areThere;
  }

  constructor(options: Options) {
    this.#options = options;
  }

  async start(number: number, command: string | readonly string[], options: StartOptions): Promise<Program> {
    const { name, nowMs, emit } = this.#options;
    const argv = typeof command === 'string' ? ['/bin/sh', '-c', command] : command;
    const child = this.spawn(argv, {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      ...options,
    });
    await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject));
    const shown = typeof command === 'string' ? command : command.map(quoted).join(' ');
    return new SpawnedProgram(child, shown, { host: name, number, nowMs, emit });
  }

  /** Makes ready for a program. Gives what it must have in its environment, to be known for one. */
  expect(): NodeJS.ProcessEnv {
    const { processes } = this.#options;
    this.#areThere = true;
    this.#stopWatching ??= processes.watchOver();
    return processes.environment;
  }

  /** By way of setpriv(1), which has the kernel kill the program when this thread ends. */
  spawn(argv: readonly string[], options: SpawnOptions): ChildProcess {
    const { namespace, processes } = this.#options;
    const setpriv = systemCommand('setpriv', UTIL_LINUX);
    const environment = { ...(options.environment ?? process.env), ...this.expect() };
    const child = namespace.enter(() =>
      spawn(setpriv, ['--pdeathsig', 'KILL', '--', ...argv], {
        stdio: options.stdio ?? 'inherit',
        env: environment,
        detached: options.detached ?? false,
        cwd: options.directory,
      }),
    );
    if (child.pid !== undefined) processes.add(child.pid);
    return child;
  }

  /** Once for each socket that the table shows: which of them has it open. */
  findOwners(rows: readonly SocketRow[]): void {
    if (!this.#areThere) return;
    const inodes = new Set(
      rows.map(({ inode }) => inode).filter((inode) => inode && !this.#known.has(inode)),
    );
    if (inodes.size === 0) return;
    for (const inode of inodes) this.#known.add(inode);
    const { name: host, processes, nowMs, emit } = this.#options;
    const atMs = nowMs();
    for (const holder of socketHolders(processes.living())) {
      if (inodes.has(holder.inode)) emit({ type: 'socket-owned', atMs, host, ...holder });
    }
  }

  /** Whatever is still there: a program may have left others behind. One that the kernel itself holds up is left to it. */
  async end(): Promise<void> {
    const { processes, nowMs } = this.#options;
    const startMs = nowMs();
    const killed = new Set<number>();
    while (this.#areThere) {
      const left = processes.living();
      // One that was started meanwhile is killed as well, however late it is.
      if (left.every((pid) => killed.has(pid)) && (left.length === 0 || nowMs() - startMs > END_WITHIN_MS))
        break;
      for (const pid of left) {
        killProcess(pid);
        killed.add(pid);
      }
      await turn();
    }
    this.#stopWatching?.();
  }
}

/** For a person to copy: as a shell needs it. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
