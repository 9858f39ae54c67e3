import { randomBytes } from 'node:crypto';
import {
  copyFileSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  openSync,
  renameSync,
  rmSync,
  type Stats,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/**
 * Opens a temporary file for what will be at `target`: in the same folder, because rename(2) works only inside one file system;
 * if that folder takes no files, in the one for temporary files. It is removed when the process ends, unless it was put in place.
 */
export function openBeside(target: string, stats: Stats | undefined): { fd: number; temporary: string } {
  const name = `.tcplab-${randomBytes(6).toString('hex')}`;
  const create = (folder: string) => {
    const temporary = join(folder, name);
    const fd = openSync(temporary, 'wx');
    if (!isCleanedUp) process.on('exit', discardAll);
    isCleanedUp = true;
    unfinished.add(temporary);
    return { fd, temporary };
  };
  let created: { fd: number; temporary: string };
  try {
    created = create(dirname(target));
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    // A single writable file, mounted into a folder that is not.
    if (!stats || !['EACCES', 'EPERM', 'EROFS'].includes(code)) throw error;
    created = create(tmpdir());
  }
  if (stats) keepOwnerAndMode(created.fd, stats);
  return created;
}

function keepOwnerAndMode(fd: number, { uid, gid, mode }: Stats): void {
  try {
    const { uid: ownUid, gid: ownGid } = fstatSync(fd);
    if (uid !== ownUid || gid !== ownGid) fchownSync(fd, uid, gid);
  } catch {
    // Only root may give a file away. The owner of the folder may replace it all the same.
  }
  fchmodSync(fd, mode & 0o7777);
}

/** Makes the temporary file what is at `target`. */
export function putInPlace(temporary: string, target: string): void {
  try {
    renameSync(temporary, target);
    unfinished.delete(temporary);
  } catch {
    // A mount point can't be replaced, nor a file that another user owns in a sticky folder; both can be written.
    copyFileSync(temporary, target);
    discard(temporary);
  }
}

const unfinished = new Set<string>();
let isCleanedUp = false;

export function discard(temporary: string): void {
  rmSync(temporary, { force: true });
  unfinished.delete(temporary);
}

/** Signals end the process by way of exit (interrupt.ts). */
function discardAll(): void {
  for (const temporary of unfinished) discard(temporary);
}
