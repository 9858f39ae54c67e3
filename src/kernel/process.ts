import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { check, libc } from './libc.ts';

/** When a process started, in ticks since boot: with its number it names the process for good (proc_pid_stat(5)). */
export function processStartTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

/** The processes that are in a network namespace, as far as this user may see (proc_pid_ns(5)). */
export function processesIn(namespace: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && networkOf(name) === namespace)
    .map(Number);
}

function networkOf(pid: string): string | undefined {
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

/** Becomes another program: the same process, so that signals, terminal and exit status need no passing on. */
export function execute(path: string, args: string[], environment: NodeJS.ProcessEnv): never {
  const F_SETFD = 2;
  // Node marks them to be closed on exec.
  for (const stream of [0, 1, 2]) libc.fcntl(stream, F_SETFD, 0);
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  check(libc.execve(path, [path, ...args, null], [...variables, null]), 'execve', path);
  throw new Error('unreachable');
}
