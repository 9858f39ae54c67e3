import { closeSync, constants, mkdtempSync, openSync, rmdirSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder } from '../kernel/folder.ts';
import { discard, openBeside, putInPlace } from './beside.ts';
import { destinationOf, writing } from './destination.ts';

/**
 * A file that is written beside its place and takes that place when it is whole: a run that fails, is interrupted or fills the
 * disk leaves what was there before. Pipes and devices are written as the data comes. The constructor fails (USAGE) if the path
 * can't be written, so that this is known before anything runs.
 */
export class OutputFile {
  readonly #named: string;
  readonly #target: string;
  readonly #fd: number;
  /** Where it is written until it is whole; undefined for a pipe, a device and a descriptor that is already open. */
  readonly #temporary: string | undefined;
  readonly #isOwnDescriptor: boolean;

  constructor(path: string) {
    this.#named = path;
    const opened = writing(path, () => open(path), 'USAGE');
    [this.#target, this.#fd, this.#temporary] = [opened.target, opened.fd, opened.temporary];
    this.#isOwnDescriptor = opened.isOwnDescriptor;
  }

  write(text: string | Uint8Array): void {
    this.#attempt(() => writeAll(this.#fd, Buffer.from(text)));
  }

  /** All that there is to write. */
  finish(text: string | Uint8Array): void {
    this.write(text);
    this.close();
  }

  close(): void {
    this.#attempt(() => {
      if (!this.#isOwnDescriptor) closeSync(this.#fd);
      if (this.#temporary !== undefined) putInPlace(this.#temporary, this.#target);
    });
  }

  #attempt(work: () => void): void {
    try {
      writing(this.#named, work);
    } catch (error) {
      if (this.#temporary !== undefined) discard(this.#temporary);
      throw error;
    }
  }
}

function open(path: string): { target: string; fd: number; temporary?: string; isOwnDescriptor: boolean } {
  const {
    path: target,
    stats,
    fd: own,
  } = path === '' || path.endsWith('/') ? plain(path) : destinationOf(path);
  if (own !== undefined) return { target, fd: own, isOwnDescriptor: true };
  if (stats && !stats.isFile()) {
    // Without O_NONBLOCK a FIFO without a reader would stop the whole process, signal handlers included (fifo(7)).
    const fd = openSync(target, constants.O_WRONLY | constants.O_NONBLOCK);
    return { target, fd, isOwnDescriptor: false };
  }
  return { target, ...openBeside(target, stats), isOwnDescriptor: false };
}

/** For a path that can only name a folder: throws the error of open(), else EISDIR. */
function plain(path: string): never {
  openSync(path, constants.O_WRONLY);
  throw Object.assign(new Error(), { errno: -21 });
}

/** How long a pipe's reader may take nothing. */
const PATIENCE_MS = 10_000;
const PAUSE_MS = 10;

function writeAll(fd: number, bytes: Uint8Array): void {
  let waitedMs = 0;
  for (let written = 0; written < bytes.length; ) {
    try {
      written += writeSync(fd, bytes, written);
      waitedMs = 0;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      if (waitedMs >= PATIENCE_MS) throw new Error(`its reader has read nothing for ${PATIENCE_MS / 1000} s`);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
      waitedMs += PAUSE_MS;
    }
  }
}

/** Makes the folder where there is none, and makes sure that files can be put there. */
export function openFolder(path: string): void {
  writing(
    path,
    () => {
      makeFolder(path);
      rmdirSync(mkdtempSync(join(path, '.tcplab-')));
    },
    'USAGE',
  );
}

export function writeWhole(path: string, bytes: Uint8Array): void {
  new OutputFile(path).finish(bytes);
}
