import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { check, libc } from './libc.ts';

/** When a process started, in ticks since boot: with its number it names the process for good (proc_pid_stat(5)). */
export function processStartTime(pid: number): string | undefined {
  return statOf(pid)[19];
}

/** Who has started a process, or has taken it over; 0 when nobody has, or it is gone. */
export function parentOf(pid: number): number {
  return Number(statOf(pid)[1] ?? 0);
}

/** The processes that are in a network namespace, as far as this user may see (proc_pid_ns(5)). */
export function processesIn(namespace: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && networkOf(name) === namespace)
    .map(Number);
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
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function environmentOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  } catch {
    // Gone meanwhile, or somebody else's.
    return [];
  }
}

/** The name of the network namespace that a process is in; undefined when it is gone, or somebody else's. */
export function networkOf(pid: number | string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    // Gone meanwhile, or somebody else's.
    return undefined;
  }
}

export function killProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone meanwhile.
  }
}

/** To all of a process group, as far as there is one. */
export function signalGroup(leader: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-leader, signal);
  } catch {
    // All of it has ended.
  }
}

/** Whether any process of a group still runs; those that only wait to be reaped do not. */
export function groupRuns(leader: number): boolean {
  try {
    process.kill(-leader, 0);
  } catch {
    return false;
  }
  return readdirSync('/proc').some((name) => {
    const [state, , group] = /^\d+$/.test(name) ? statOf(name) : [];
    return Number(group) === leader && state !== 'Z' && state !== 'X';
  });
}

/** The fields of /proc/PID/stat from the third on (proc_pid_stat(5)): state, parent, group and so on. */
function statOf(pid: number | string): string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}

/** A descriptor of a process that is a socket (proc_pid_fd(5)). */
export interface SocketHolder {
  inode: number;
  pid: number;
  /** The program's name, as in /proc/PID/comm. */
  name: string;
  fd: number;
}

/** Who holds sockets among these processes: all descriptors that are one. */
export function socketHolders(pids: readonly number[]): SocketHolder[] {
  return pids.flatMap((pid) => {
    try {
      const name = readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
      return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
        const inode = socketInode(`/proc/${pid}/fd/${fd}`);
        return inode === undefined ? [] : [{ inode, pid, name, fd: Number(fd) }];
      });
    } catch {
      // Gone meanwhile.
      return [];
    }
  });
}

function socketInode(path: string): number | undefined {
  try {
    const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(path))?.[1];
    return inode === undefined ? undefined : Number(inode);
  } catch {
    return undefined;
  }
}

/**
 * A shell that waits until this process is gone, however it went, and then kills what is left in a network namespace, or has
 * a variable in its environment. Gives what calls it off.
 */
export function watchOver(whom: { namespace: string } | { variable: string }): () => void {
  const [isOne, word] =
    'namespace' in whom
      ? ['[ "$(readlink "$process/ns/net")" = "$0" ]', whom.namespace]
      : ['tr "\\0" "\\n" <"$process/environ" | grep -qxF "$0"', whom.variable];
  const script =
    'read -r over && exit; for try in 1 2 3; do for process in /proc/[0-9]*; do ' +
    `${isOne} && kill -9 "$(basename "$process")"; done; done 2>/dev/null`;
  const shell = spawn('sh', ['-c', script, word], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  shell.unref();
  shell.stdin.on('error', () => {
    // It was killed: there is nobody to be told any more.
  });
  (shell.stdin as unknown as { unref(): void }).unref();
  return () => shell.stdin.end('over\n');
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
