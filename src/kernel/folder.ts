import { mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/**
 * Makes a folder and its missing parents. Not with mkdirSync's `recursive`: where mkdir(2) fails with ENOENT although the
 * parent exists, as in /proc, Node retries forever, and no signal ends it.
 */
export function makeFolder(path: string): void {
  const folder = resolve(path);
  try {
    makeUnlessThere(folder);
  } catch (error) {
    const parent = dirname(folder);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || isFolder(parent)) throw error;
    makeFolder(parent);
    makeUnlessThere(folder);
  }
}

function makeUnlessThere(folder: string): void {
  try {
    mkdirSync(folder);
  } catch (error) {
    if (!isFolder(folder)) throw error;
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
