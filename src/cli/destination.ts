import {
  accessSync,
  constants,
  fstatSync,
  lstatSync,
  readlinkSync,
  realpathSync,
  type Stats,
  statSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { TcplabError } from '../error.ts';
import { reasonOf } from '../kernel/system-error.ts';

/** Where the path of an output leads. */
interface Destination {
  /** Without symbolic links. */
  path: string;
  /** What is there now; undefined if nothing is. */
  stats: Stats | undefined;
  /** The descriptor of this process that the path names (/dev/stdout, /dev/fd/3). */
  fd: number | undefined;
}

const OWN_DESCRIPTOR = /^\/(?:dev|proc\/self)\/(?:fd\/(\d+)|std(?:out|err))$/;

/** Follows a path, also to a file that is not there yet. Throws what stat(2) and access(2) fail with. */
export function destinationOf(path: string): Destination {
  const [own, number] = OWN_DESCRIPTOR.exec(path) ?? [];
  if (own !== undefined) {
    const fd = number === undefined ? (own.endsWith('out') ? 1 : 2) : Number(number);
    return { path, stats: fstatSync(fd), fd };
  }
  const target = targetOf(resolve(path));
  const stats = statSync(target, { throwIfNoEntry: false });
  // A rename would replace a file that may not be written.
  if (stats) accessSync(target, constants.W_OK);
  return { path: target, stats, fd: undefined };
}

/** As many as Linux follows (path_resolution(7)). */
const LINKS = 40;

function targetOf(path: string, links = LINKS): string {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found?.isSymbolicLink() && links > 0) {
    return targetOf(resolve(dirname(path), readlinkSync(path)), links - 1);
  }
  return found ? realpathSync(path) : join(targetOf(dirname(path)), basename(path));
}

/** The same text for two paths exactly if writing to one overwrites the other; undefined for a device, which takes any number of writers. */
export function identityOf({ path, stats }: Destination): string | undefined {
  if (stats?.isCharacterDevice()) return undefined;
  return stats ? `${stats.dev}:${stats.ino}` : path;
}

/** Does something to the file at `path`. Throws a TcplabError with its name and why it can't be written. */
export function writing<T>(path: string, work: () => T, code: 'USAGE' | 'SYSTEM' = 'SYSTEM'): T {
  try {
    return work();
  } catch (error) {
    throw new TcplabError(code, `cannot write ${path}: ${whyOf(error)}`, { cause: error });
  }
}

/** ENXIO on a FIFO: nothing has it open for reading. */
function whyOf(error: unknown): string {
  if ((error as NodeJS.ErrnoException).code === 'ENXIO') return 'no process has it open for reading';
  return reasonOf(error);
}
