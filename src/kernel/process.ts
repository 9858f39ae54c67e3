import { spawn } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { ifThere, withSystemErrors } from './files.ts';
import { check, libc } from './libc.ts';
import { needDescriptors, SPAWN_DESCRIPTORS } from './limits.ts';
import { systemPath } from './system-command.ts';

/** When a process started, in ticks since boot: with its number it names the process for good (proc_pid_stat(5)). */
export function processStartTime(pid: number): string | undefined {
  return statOf(pid)[19];
}

/** The parent of a process, or its subreaper; 0 if there is none, or the process has exited. */
export function parentOf(pid: number): number {
  return Number(statOf(pid)[1] ?? 0);
}

/** Names a process for good, on the whole machine. */
export interface ProcessName {
  pid: number;
  startTime: string;
  /** The inode of the PID namespace in which it has that number (pid_namespaces(7)). */
  numberedIn: string;
}

let own: ProcessName | undefined;

/** The name of this process. */
export function ownName(): ProcessName {
  own ??= {
    pid: process.pid,
    startTime: processStartTime(process.pid) ?? '0',
    numberedIn: numberingOf('self') ?? '0',
  };
  return own;
}

/**
 * Whether a process still runs; one that only waits to be reaped does not. One of another PID namespace is seen from the
 * machine's first one alone: from elsewhere it counts as alive, for nobody can tell.
 */
export function isAlive({ pid, startTime, numberedIn }: ProcessName): boolean {
  const runs = (stat: string[]) => stat[19] === startTime && stat[0] !== 'Z' && stat[0] !== 'X';
  const here = numberingOf('self') ?? '0';
  if (numberedIn === here) return runs(statOf(pid));
  if (here !== FIRST_PID_NAMESPACE) return true;
  return allProcesses().some((pid) => numberingOf(pid) === numberedIn && runs(statOf(pid)));
}

/** PROC_PID_INIT_INO (include/linux/proc_ns.h). */
const FIRST_PID_NAMESPACE = String(0xeffffffc);

function numberingOf(pid: number | string): string | undefined {
  return /\d+/.exec(ifThere(() => readlinkSync(`/proc/${pid}/ns/pid`)) ?? '')?.[0];
}

/** All descendants of the processes, except those whose parent has exited. */
export function descendantsOf(ancestors: Iterable<number>): number[] {
  const parents = allProcesses().map((pid) => ({ pid, stat: statOf(pid) }));
  const found = new Set<number>();
  const waiting = [...ancestors];
  for (let ancestor = waiting.pop(); ancestor !== undefined; ancestor = waiting.pop()) {
    for (const { pid, stat } of parents) {
      if (Number(stat[1]) !== ancestor || found.has(pid)) continue;
      waiting.push(pid);
      // One that only waits to be reaped has started what still runs.
      if (stat[0] !== 'Z' && stat[0] !== 'X') found.add(pid);
    }
  }
  return [...found];
}

/** From now on what a descendant leaves behind becomes a child of this process, and not of the machine's first (prctl(2)). */
export function adoptOrphans(): void {
  const PR_SET_CHILD_SUBREAPER = 36;
  check(libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 'prctl', 'PR_SET_CHILD_SUBREAPER');
}

/**
 * Takes note of the end of processes that were adopted: Node does so of those alone that it has started, and a zombie still
 * exists, for kill(2) as for a program that looks for the process of its PID file. `pids`: no process that Node has started.
 */
export function reapAdopted(pids: Iterable<number>): void {
  const WNOHANG = 1;
  for (const pid of pids) {
    const [state, parent] = statOf(pid);
    if (state === 'Z' && Number(parent) === process.pid) libc.waitpid(pid, null, WNOHANG);
  }
}

/** Whether a network namespace can still be entered: a process is in it, or it is mounted under a name (ip-netns(8)). */
export function isNetworkThere(namespace: string): boolean {
  if (processesIn(namespace).length > 0) return true;
  return ['self', '1'].some((pid) => {
    const mounts = ifThere(() => readFileSync(`/proc/${pid}/mountinfo`, 'utf8'));
    return mounts?.includes(` ${namespace} `) ?? false;
  });
}

/** The processes that are in a network namespace, as far as this user may see (proc_pid_ns(5)). */
export function processesIn(namespace: string): number[] {
  return allProcesses().filter((pid) => networkOf(pid) === namespace);
}

/**
 * The processes with a variable in their environment, `NAME=value`, as far as this user may see (proc_pid_environ(5)); with
 * what the pattern's first group matched.
 */
export function processesWith(
  variable: RegExp,
  pids: readonly number[] = allProcesses(),
): { pid: number; match: string }[] {
  return pids.flatMap((pid) => {
    const match = environmentOf(pid).flatMap((entry) => variable.exec(entry)?.[1] ?? [])[0];
    return match === undefined ? [] : [{ pid, match }];
  });
}

function allProcesses(): number[] {
  return withSystemErrors('/proc', () => readdirSync('/proc'))
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function environmentOf(pid: number): string[] {
  return ifThere(() => readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')) ?? [];
}

/** The name of a process's network namespace; undefined if it has exited, or is another user's. */
export function networkOf(pid: number | string): string | undefined {
  return ifThere(() => readlinkSync(`/proc/${pid}/ns/net`));
}

export function killProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has exited.
  }
}

/** Sends the signal to a process group, if it exists. */
export function signalGroup(leader: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-leader, signal);
  } catch {
    // All of it has ended.
  }
}

/** Whether any process of a group still runs; those that only wait to be reaped do not, and are reaped if they were adopted. */
export function groupRuns(leader: number): boolean {
  try {
    process.kill(-leader, 0);
  } catch {
    return false;
  }
  const members = allProcesses().filter((pid) => Number(statOf(pid)[2]) === leader);
  reapAdopted(members.filter((pid) => pid !== leader));
  return members.some((pid) => !['Z', 'X', undefined].includes(statOf(pid)[0]));
}

/** Whether this process is in the group that its terminal sends Ctrl-C to; false without a terminal. */
export function isInForeground(): boolean {
  const [, , group, , , foreground] = statOf('self');
  return group !== undefined && group === foreground;
}

/** The fields of /proc/PID/stat from the third on (proc_pid_stat(5)): state, parent, group and so on. */
function statOf(pid: number | string): string[] {
  const stat = ifThere(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  return stat === undefined ? [] : stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** A descriptor of a process that is a socket (proc_pid_fd(5)). */
export interface SocketHolder {
  inode: number;
  pid: number;
  /** The program's name, as in /proc/PID/comm. */
  name: string;
  fd: number;
}

/** The descriptors of these processes that are sockets; of all processes by default, as far as this user may see. */
export function socketHolders(pids: readonly number[] = allProcesses()): SocketHolder[] {
  return pids.flatMap((pid) => {
    const holders = ifThere(() => {
      const name = readFileSync(`/proc/${pid}/comm`, 'utf8').trim().replaceAll(/\s/g, ' ');
      const path = `/proc/${pid}/fd`;
      const names = readdirSync(path);
      const folder = openSync(path, O_PATH_FOLDER);
      try {
        return names.flatMap((fd) => {
          const inode = socketInode(folder, fd);
          return inode === 0 ? [] : [{ inode, pid, name, fd: Number(fd) }];
        });
      } finally {
        closeSync(folder);
      }
    });
    return holders ?? [];
  });
}

/** O_PATH | O_DIRECTORY */
const O_PATH_FOLDER = 0o10000000 | 0o200000;
const SOCKET = Buffer.from('socket:[');
const [descriptorName, target] = [Buffer.alloc(16), Buffer.alloc(64)];

/** The inode of `socket:[1234]`; 0 for any other file. A machine may have 100,000 descriptors, so no text is made of them. */
function socketInode(folder: number, fd: string): number {
  descriptorName.writeUInt8(0, descriptorName.write(fd, 'latin1'));
  const length = Number(libc.readlinkat(folder, descriptorName, target, target.length));
  if (length <= SOCKET.length || target.compare(SOCKET, 0, SOCKET.length, 0, SOCKET.length) !== 0) return 0;
  let inode = 0;
  for (let at = SOCKET.length; at < length - 1; at++) inode = inode * 10 + target.readUInt8(at) - 48;
  return inode;
}

/**
 * Starts a shell that waits until this process is gone, however it ended, and then kills the processes that have `variable`
 * (`NAME=value`) in their environment, and those in a network namespace. Returns the function that dismisses the shell.
 */
export function watchOver({ variable, namespace }: { variable: string; namespace?: string }): () => void {
  // One command each for all processes: on a busy machine, one command per process would take many seconds.
  const marked = 'grep -lzxF -e "$0" /proc/[0-9]*/environ';
  const inside = '[ "$1" ] && ls -l /proc/[0-9]*/ns/net | grep -F -e "-> $1"';
  const script =
    'for try in 1 2 3; do ' +
    `for pid in $({ ${marked}; ${inside}; } | sed "s|.*/proc/||; s|/.*||"); do kill -9 "$pid"; done; done`;
  return afterwards(script, [variable, namespace ?? '']);
}

/**
 * Starts a shell that waits until this process is gone, however it ended, and then runs `script`; the descriptors are its 3rd
 * and so on. Returns the function that dismisses it.
 */
export function afterwards(
  script: string,
  args: readonly string[],
  descriptors: readonly number[] = [],
): () => void {
  needDescriptors(SPAWN_DESCRIPTORS);
  const shell = spawn('/bin/sh', ['-c', `read -r over && exit; exec 2>/dev/null; ${script}`, ...args], {
    stdio: ['pipe', 'ignore', 'ignore', ...descriptors],
    detached: true,
    env: { ...process.env, PATH: systemPath() },
  });
  // Without a shell, only SIGKILL to tcplab leaves something.
  shell.on('error', () => {});
  shell.unref();
  const input = shell.stdin as (typeof shell.stdin & { unref(): void }) | null;
  // The shell may have been killed: then there is nothing left to dismiss.
  input?.on('error', () => {});
  input?.unref();
  return () => input?.end('over\n');
}

/** Becomes another program: the same process, so that signals, terminal and exit status need no passing on. */
export function execute(path: string, args: string[], environment: NodeJS.ProcessEnv): never {
  const F_SETFD = 2;
  // Node marks them to be closed on exec.
  for (const stream of [0, 1, 2]) libc.fcntl(stream, F_SETFD, 0);
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  check(libc.execve(path, [path, ...args, null], [...variables, null]), 'execve', path);
  throw new Error('unreachable');
}

/** For how long a thread has run, and for how long it has waited for a processor, in milliseconds. */
export interface ThreadTimes {
  ranMs: number;
  waitedMs: number;
}

/** Of all threads of these processes, by the thread, so that two readings can be compared (/proc/PID/task/TID/schedstat). */
export function timesOfThreads(pids: readonly number[]): Map<string, ThreadTimes> {
  const threads = pids.flatMap((pid) =>
    (ifThere(() => readdirSync(`/proc/${pid}/task`)) ?? []).map((tid) => `/proc/${pid}/task/${tid}`),
  );
  return new Map(
    threads.flatMap((path) => {
      const [ran, waited] = ifThere(() => readFileSync(`${path}/schedstat`, 'utf8'))?.split(' ') ?? [];
      return waited === undefined
        ? []
        : [[path, { ranMs: Number(ran) / 1e6, waitedMs: Number(waited) / 1e6 }]];
    }),
  );
}

/** The most that one thread has of `measure` more than in an earlier reading, in milliseconds. */
export function mostSince(
  before: ReadonlyMap<string, ThreadTimes>,
  now: ReadonlyMap<string, ThreadTimes>,
  measure: (times: ThreadTimes) => number,
): number {
  return Math.max(0, ...[...now].map(([path, times]) => measure(times) - measure(before.get(path) ?? times)));
}

/** The memory that these processes use together, in bytes: a page that some of them share counts once (Pss, proc_pid_smaps(5)). */
export function memoryOf(pids: readonly number[]): number {
  const texts = pids.map((pid) => ifThere(() => readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')) ?? '');
  return texts.reduce((total, text) => total + Number(/^Pss: +(\d+) kB$/m.exec(text)?.[1] ?? 0) * 1024, 0);
}

/** How many descriptors a process has open; undefined if it has exited. */
export function descriptorsOf(pid: number): number | undefined {
  return ifThere(() => readdirSync(`/proc/${pid}/fd`).length);
}
