import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fstatSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { SystemError } from '../error.ts';
import type { HostName, TimelineEvent } from '../evidence/events.ts';
import { needDescriptors, SPAWN_DESCRIPTORS } from '../kernel/limits.ts';
import type { NetworkNamespace } from '../kernel/namespace.ts';
import { withDescriptorOf } from '../kernel/pidfd.ts';
import { SilentPipe } from '../kernel/pipe.ts';
import {
  descendantsOf,
  killProcess,
  ownName,
  processesIn,
  processesWith,
  processStartTime,
  reapAdopted,
  type SocketHolder,
  socketHolders,
  watchOver,
} from '../kernel/process.ts';
import { timerOptions } from '../kernel/socket.ts';
import { systemCommand, UTIL_LINUX } from '../kernel/system-command.ts';
import { systemError } from '../kernel/system-error.ts';
import { asUser } from '../kernel/user.ts';
import type { SocketRow } from '../tcp/socket-row.ts';
import type { SpawnOptions, StartOptions } from './host.ts';
import { type Program, SpawnedProgram } from './program.ts';
import { shellWord } from './shell-word.ts';

/** The processes of a lab, which end with it. */
interface Processes {
  /** Those that may have a socket of the host. */
  living(): number[];
  /** All of them. A process that moved to another network namespace has no socket of the host, but ends with it. */
  all(): number[];
  /** Takes note of a process that was started here. */
  add(pid: number): void;
  /** Has them and the processes in `namespace` killed when this process exits. Returns a function that cancels that. */
  watchOver(namespace?: string): () => void;
  /** What each process inherits in its environment. */
  environment: NodeJS.ProcessEnv;
}

let hosts = 0;

/**
 * The processes of a host whose namespace is the lab's own: all that are in the namespace. A program may also start processes
 * in other namespaces (unshare(1)); a mark in the environment tells those.
 */
export function processesOfNamespace({ name: namespace }: NetworkNamespace): Processes {
  const { pid, startTime } = ownName();
  const marked = markedProcesses(`${pid}-${startTime}-${++hosts}`, 'TCPLAB_LAB');
  const living = () => processesIn(namespace);
  return {
    ...marked,
    living,
    all: () => [...new Set([...living(), ...marked.all()])],
    watchOver: () => marked.watchOver(namespace),
  };
}

/**
 * The processes of a host that others use as well: those that inherited this mark in their environment, and those that
 * cleared their environment (`env -i`, nginx) and descend from a process that was started here.
 */
export function markedProcesses(mark: string, name = 'TCPLAB_HOST'): Processes {
  const started = new Map<number, string>();
  const isStill = (pid: number) => processStartTime(pid) === started.get(pid);
  const all = () => {
    const marked = processesWith(new RegExp(`^${name}=(${mark})$`)).map(({ pid }) => pid);
    const ours = new Set([...marked, ...[...started.keys()].filter(isStill)]);
    return [...new Set([...ours, ...descendantsOf(ours)])];
  };
  return {
    living: all,
    all,
    add: (pid) => started.set(pid, processStartTime(pid) ?? ''),
    watchOver: (namespace?: string) =>
      watchOver({ variable: `${name}=${mark}`, ...(namespace === undefined ? {} : { namespace }) }),
    environment: { [name]: mark },
  };
}

interface Options {
  name: HostName;
  namespace: NetworkNamespace;
  processes: Processes;
  /** Called before a program starts, or comes in by another way. */
  onProgram?: () => void;
  nowMs: () => number;
  emit: (event: TimelineEvent) => void;
}

/** How long killed programs may take to end. A slow machine may take longer to find them. */
const END_WITHIN_MS = 1000;

/** The programs that run in a host, and all that they start. */
export class NamespacePrograms {
  readonly #options: Options;
  /** Inodes of the sockets whose owners were searched. */
  readonly #known = new Set<number>();
  /** The holders that the timeline has, by name. */
  readonly #holders = new Map<string, SocketHolder>();
  /** A socket's options as last put on the timeline, by inode. */
  readonly #lastOptions = new Map<number, string>();
  readonly #started: { program: SpawnedProgram; streams: Set<number> }[] = [];
  /** The processes that Node has started, and reaps. */
  readonly #children = new Set<number>();
  /** The standard input of all programs: it stays open until the host ends. */
  #input: SilentPipe | undefined;
  #stopWatching: (() => void) | undefined;
  #areThere = false;
  #othersAreThere = false;

  /** Whether there are any, or were. */
  get areThere(): boolean {
    return this.#areThere || this.#othersAreThere;
  }

  constructor(options: Options) {
    this.#options = options;
  }

  /** Others run programs here, which are not the lab's: their sockets are searched for, and they go on when it ends. */
  admitOthers(): void {
    this.#options.onProgram?.();
    this.#othersAreThere = true;
  }

  async start(number: number, command: string | readonly string[], options: StartOptions): Promise<Program> {
    const { name, nowMs, emit } = this.#options;
    const argv = typeof command === 'string' ? ['/bin/sh', '-c', command] : command;
    this.#input ??= new SilentPipe();
    const child = await this.spawn(argv, {
      stdio: [this.#input.reader, 'pipe', 'pipe'],
      detached: true,
      ...options,
    });
    const shown = typeof command === 'string' ? command : command.map(shellWord).join(' ');
    const program = new SpawnedProgram(child, shown, { host: name, number, nowMs, emit });
    const standard = socketHolders([program.pid]).filter(({ fd }) => fd <= 2);
    this.#started.push({ program, streams: new Set(standard.map(({ inode }) => inode)) });
    return program;
  }

  /** Prepares for a program. Returns the environment by which it is recognized. */
  expect(): NodeJS.ProcessEnv {
    const { processes, onProgram } = this.#options;
    onProgram?.();
    this.#areThere = true;
    this.#stopWatching ??= processes.watchOver();
    return processes.environment;
  }

  /** By way of setpriv(1), which has the kernel kill the program when this thread ends. Throws when it cannot be started. */
  async spawn(argv: readonly string[], options: SpawnOptions): Promise<ChildProcess> {
    const { namespace, processes } = this.#options;
    const { prefix, environment: ofUser } =
      options.user === undefined ? { prefix: [], environment: {} } : asUser(options.user);
    setprivPath ??= systemCommand('setpriv', UTIL_LINUX);
    // setpriv is the last: a change of the user clears what it asks of the kernel.
    const [first = '', ...rest] = [...prefix, setprivPath, '--pdeathsig', 'KILL', '--', ...argv];
    const environment = { ...(options.environment ?? process.env), ...ofUser, ...this.expect() };
    needDescriptors(SPAWN_DESCRIPTORS);
    const child = namespace.enter(() =>
      spawn(first, rest, {
        stdio: options.stdio ?? 'inherit',
        env: environment,
        detached: options.detached ?? false,
        cwd: options.directory,
      }),
    );
    if (child.pid !== undefined) {
      processes.add(child.pid);
      this.#children.add(child.pid);
    }
    const where = options.directory === undefined ? '' : ` in ${options.directory}`;
    await hasStarted(child, `a program of the ${this.#options.name}${where}`);
    return child;
  }

  /** Finds out which process has a socket open, once for each socket that the table shows, and how it has set its timers. */
  findOwners(rows: readonly SocketRow[]): void {
    if (!this.areThere) return;
    this.#findNewOwners(rows);
    for (const row of rows.filter(({ inode }) => inode !== 0).slice(0, MOST_READ)) this.#readOptions(row);
  }

  #readOptions({ inode, local, remote }: SocketRow): void {
    const holder = [...this.#holders.values()].find((one) => one.inode === inode);
    if (!holder) return;
    const { name: host, nowMs, emit } = this.#options;
    const { options, why } = optionsOf(holder);
    const found = JSON.stringify([local, remote, options, why]);
    if (this.#lastOptions.get(inode) === found) return;
    this.#lastOptions.set(inode, found);
    const { name } = holder;
    emit({ type: 'socket-options', atMs: nowMs(), host, local, remote, name, options, why });
  }

  #findNewOwners(rows: readonly SocketRow[]): void {
    const inodes = new Set(
      rows.map(({ inode }) => inode).filter((inode) => inode && !this.#known.has(inode)),
    );
    if (inodes.size === 0) return;
    for (const inode of inodes) this.#known.add(inode);
    this.#noteHolders(
      socketHolders(this.#options.processes.living()).filter(({ inode }) => inodes.has(inode)),
    );
  }

  /** Searches again for the owners of all sockets: a child may have inherited one, and its parent closed it. */
  checkOwners(rows: readonly SocketRow[]): void {
    if (!this.areThere) return;
    const { name: host, processes, nowMs, emit } = this.#options;
    const inodes = new Set(rows.map(({ inode }) => inode));
    const holders = socketHolders(processes.living()).filter(({ inode }) => inodes.has(inode));
    const now = new Set(holders.map(nameOf));
    const atMs = nowMs();
    for (const [name, { inode, pid, fd }] of this.#holders) {
      if (now.has(name)) continue;
      this.#holders.delete(name);
      emit({ type: 'socket-released', atMs, host, inode, pid, fd });
    }
    this.#noteHolders(holders);
  }

  #noteHolders(holders: readonly SocketHolder[]): void {
    const { name: host, nowMs, emit } = this.#options;
    const atMs = nowMs();
    for (const holder of holders) {
      if (this.#holders.has(nameOf(holder))) continue;
      this.#holders.set(nameOf(holder), holder);
      emit({ type: 'socket-owned', atMs, host, ...holder });
    }
  }

  /** Ends all processes that are left. A process that the kernel holds up is left to the kernel. */
  async end(): Promise<void> {
    const { processes } = this.#options;
    if (this.#areThere) await this.#kill(() => processes.all());
    // What the programs wrote last.
    for (let round = 1; round <= 2 && this.#open.length > 0; round++) await turn();
    // A process that has left the namespace and its parents, and cleared its environment, still has their output open.
    if (this.#open.length > 0) await this.#kill(() => this.#holdersOfOutput());
    for (const { program } of this.#started.splice(0)) program.close();
    this.#input?.close();
    this.#input = undefined;
    this.#stopWatching?.();
  }

  get #open(): { program: SpawnedProgram; streams: Set<number> }[] {
    return this.#started.filter(({ program }) => program.mayWrite);
  }

  #holdersOfOutput(): number[] {
    const streams = new Set(this.#open.flatMap((one) => [...one.streams]));
    return socketHolders().flatMap(({ inode, pid }) => (streams.has(inode) ? pid : []));
  }

  async #kill(find: () => number[]): Promise<void> {
    const { nowMs } = this.#options;
    const startMs = nowMs();
    const killed = new Set<number>();
    for (;;) {
      const left = find();
      // A process that was started in the meantime is killed too, however late that is.
      if (left.every((pid) => killed.has(pid)) && (left.length === 0 || nowMs() - startMs > END_WITHIN_MS))
        return;
      for (const pid of left) {
        killProcess(pid);
        killed.add(pid);
      }
      await turn();
      reapAdopted([...killed].filter((pid) => !this.#children.has(pid)));
    }
  }
}

/** A program may have thousands of sockets: it takes some 20 system calls to read the options of one. */
const MOST_READ = 16;

function optionsOf({ pid, fd, inode }: SocketHolder): {
  options: Record<string, number> | null;
  why: string | null;
} {
  try {
    // The process may have closed it, and have another file there.
    return withDescriptorOf(pid, fd, (copy) =>
      fstatSync(copy).ino === inode
        ? { options: timerOptions(copy), why: null }
        : { options: null, why: 'the process no longer has it open' },
    );
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    return { options: null, why: error.message };
  }
}

function nameOf({ inode, pid, fd }: SocketHolder): string {
  return `${inode} ${pid} ${fd}`;
}

/** Kept, because to search for it takes several system calls. */
let setprivPath: string | undefined;

async function hasStarted(child: ChildProcess, what: string): Promise<void> {
  try {
    await once(child, 'spawn');
  } catch (error) {
    throw systemError('spawn', (error as NodeJS.ErrnoException).code ?? 'EIO', what);
  }
}
