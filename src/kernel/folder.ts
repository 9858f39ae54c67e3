import { mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/**
 * Makes a folder, and those above it that are missing. Not by mkdirSync’s `recursive`: where mkdir(2) gives ENOENT although
 * the folder above is there, as in /proc, Node tries for ever, and no signal ends it.
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
