import { closeSync, mkdirSync, readdirSync, rmdirSync } from 'node:fs';
import { rmdir } from 'node:fs/promises';
import { TcplabError } from '../error.ts';
import { DisposableStack } from './disposable-stack.ts';
import { check, lastErrno, libc } from './libc.ts';
import { whyNoKernelEvents } from './privileges.ts';
import { afterwards, ownName, processStartTime } from './process.ts';
import { systemError } from './system-error.ts';

const PREFIX = 'tcplab-';

/** For a shell: removes the instances with this name prefix. One is busy until its process's last descriptor is closed. */
const REMOVE =
  'tries=0; until { for left in "$0"*; do rmdir "$left"; done; ! ls -d "$0"*; } || ' +
  '[ $((tries += 1)) -gt 1000 ]; do sleep 0.01; done';

/** A part of tracefs with events and rings of its own. It is the machine's, and would outlive the process. */
export class TraceInstance {
  /** A small number that no other tcplab on this machine has now. */
  readonly slot: number;
  readonly directory: string;
  readonly #forget: () => void;
  #closed: Promise<void> | undefined;

  private constructor(parts: { slot: number; directory: string; forget: () => void }) {
    this.slot = parts.slot;
    this.directory = parts.directory;
    this.#forget = parts.forget;
  }

  /** `letGo` closes the caller's files in the instance, because an open file prevents removal. */
  static create(letGo: () => void): TraceInstance {
    using undo = new DisposableStack();
    const root = mountTracefs();
    undo.defer(() => closeSync(root));
    const instances = `/proc/self/fd/${root}/instances`;
    // Before there is anything to remove: a signal may end this process at any moment, without notice.
    undo.defer(afterwards(REMOVE, [`/proc/self/fd/3/instances/${ownInstances()}`], [root]));
    const slot = claimSlot(instances);
    const directory = `${instances}/${instanceName(slot)}`;
    const removeAtExit = () => {
      letGo();
      removeIfPossible(directory);
    };
    process.once('exit', removeAtExit);
    undo.defer(() => process.off('exit', removeAtExit));
    const kept = undo.move();
    return new TraceInstance({ slot, directory, forget: () => kept[Symbol.dispose]() });
  }

  /** Takes some 40 ms in the kernel, but not of this thread. The caller closes its files in there before. */
  close(): Promise<void> {
    this.#closed ??= rmdir(this.directory).catch(unlessGone).then(this.#forget);
    return this.#closed;
  }

  /** The same at once, as far as possible. */
  remove(): void {
    removeIfPossible(this.directory);
    this.#forget();
  }
}

/** What the names of the instances of this process begin with: `tcplab-PIDNAMESPACE-PID-STARTTIME-`. */
export function ownInstances(): string {
  const { numberedIn, pid, startTime } = ownName();
  return `${PREFIX}${numberedIn}-${pid}-${startTime}-`;
}

/** The instances with this name prefix; none without tracefs. */
export function findInstances(beginning: string): string[] {
  return (
    withInstances((instances) => readdirSync(instances).filter((name) => name.startsWith(beginning))) ?? []
  );
}

/** Throws while a process has one of them open. */
export function removeInstances(beginning: string): void {
  withInstances((instances) => {
    for (const name of readdirSync(instances)) {
      if (name.startsWith(beginning)) removeUnlessGone(`${instances}/${name}`);
    }
  });
}

function withInstances<T>(work: (instances: string) => T): T | undefined {
  let root: number;
  try {
    root = mountTracefs();
  } catch (error) {
    if (error instanceof TcplabError) return undefined;
    throw error;
  }
  try {
    return work(`/proc/self/fd/${root}/instances`);
  } finally {
    closeSync(root);
  }
}

/** A mount of tracefs that only this descriptor reaches: the machine's mounts stay as they are. */
function mountTracefs(): number {
  const SYS_FSOPEN = 430;
  const SYS_FSCONFIG = 431;
  const SYS_FSMOUNT = 432;
  const [CLOEXEC, FSCONFIG_CMD_CREATE] = [1, 6];
  const context = Number(libc.fsopen(SYS_FSOPEN, 'tracefs', CLOEXEC));
  if (context < 0) throw noTracefs(lastErrno());
  try {
    if (Number(libc.fsconfig(SYS_FSCONFIG, context, FSCONFIG_CMD_CREATE, null, null, 0)) < 0)
      throw noTracefs(lastErrno());
    return check(Number(libc.fsmount(SYS_FSMOUNT, context, CLOEXEC, 0)), 'fsmount', 'tracefs');
  } finally {
    closeSync(context);
  }
}

function noTracefs(errno: string): TcplabError {
  if (errno === 'EMFILE' || errno === 'ENFILE') return systemError('fsopen', errno, 'tracefs');
  const why = errno === 'EPERM' ? whyNoKernelEvents() : `tracefs can't be mounted: ${errno}`;
  return new TcplabError('MACHINE', why);
}

function instanceName(slot: number): string {
  return `${ownInstances()}${slot}`;
}

/** Makes an instance under the lowest number that no living process has. Of two that take the same, one tries again. */
function claimSlot(instances: string): number {
  for (let tries = 1; ; tries++) {
    const taken = livingInstances(instances).map(({ slot }) => slot);
    const free = Array.from({ length: taken.length + tries }, (_, number) => number).filter(
      (number) => !taken.includes(number),
    );
    const slot = free[Math.floor(Math.random() * tries)] ?? 0;
    const name = instanceName(slot);
    try {
      mkdirSync(`${instances}/${name}`);
    } catch (error) {
      throw new TcplabError('MACHINE', `tracefs refuses an instance: ${(error as Error).message}`);
    }
    // A process that finds another with the same number tries one of a few more: the first may already use it.
    const rivals = livingInstances(instances).filter((other) => other.slot === slot && other.name !== name);
    if (rivals.length === 0) return slot;
    removeUnlessGone(`${instances}/${name}`);
  }
}

/**
 * An instance outlives its process where the guard was killed as well: then it is removed. A process of another PID namespace
 * can't be looked up, so its instances stay.
 */
function livingInstances(instances: string): { name: string; slot: number }[] {
  const here = ownName().numberedIn;
  return readdirSync(instances).flatMap((name) => {
    const [, numberedIn, pid, startTime, slot] = /^tcplab-(\d+)-(\d+)-(\d+)-(\d+)$/.exec(name) ?? [];
    if (slot === undefined) return [];
    const isOver = numberedIn === here && processStartTime(Number(pid)) !== startTime;
    if (isOver) removeIfPossible(`${instances}/${name}`);
    return isOver ? [] : [{ name, slot: Number(slot) }];
  });
}

function removeIfPossible(directory: string): void {
  try {
    rmdirSync(directory);
  } catch {
    // Another process was quicker, or has a file in there open: then the next start removes it.
  }
}

function removeUnlessGone(directory: string): void {
  try {
    rmdirSync(directory);
  } catch (error) {
    unlessGone(error as NodeJS.ErrnoException);
  }
}

function unlessGone(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
