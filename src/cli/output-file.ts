import { closeSync, mkdtempSync, openSync, rmdirSync, writeFileSync, writeSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { TcplabError } from '../error.ts';
import { makeFolder } from '../kernel/folder.ts';
import { reasonOf } from '../report/reason.ts';

/** A file that is opened before there is anything to write, so that a path that can't be written is known at once. */
export class OutputFile {
  readonly #path: string;
  readonly #fd: number;

  /** What was in the file is gone. */
  constructor(path: string) {
    this.#path = path;
    this.#fd = attempt(path, () => openSync(path, 'w'), 'USAGE');
  }

  write(text: string | Uint8Array): void {
    const bytes = Buffer.from(text);
    attempt(this.#path, () => {
      for (let written = 0; written < bytes.length; ) {
        written += writeSync(this.#fd, bytes, written);
      }
    });
  }

  close(): void {
    attempt(this.#path, () => closeSync(this.#fd));
  }
}

/** Two options that name one file would write over each other. */
export function refuseSameFile(files: Record<string, string | undefined>): void {
  const names = new Map<string, string>();
  for (const [option, file] of Object.entries(files)) {
    if (file === undefined) continue;
    const other = names.get(resolve(file));
    if (other) throw new TcplabError('USAGE', `--${other} and --${option} name the same file: ${file}`);
    names.set(resolve(file), option);
  }
}

/** Makes the folder where there is none, and makes sure that files can be put there. */
export function openFolder(path: string): void {
  attempt(
    path,
    () => {
      makeFolder(path);
      rmdirSync(mkdtempSync(join(path, '.tcplab-')));
    },
    'USAGE',
  );
}

export function writeWhole(path: string, bytes: Uint8Array): void {
  attempt(path, () => writeFileSync(path, bytes));
}

function attempt<T>(path: string, work: () => T, code: 'USAGE' | 'SYSTEM' = 'SYSTEM'): T {
  try {
    return work();
  } catch (error) {
    throw new TcplabError(code, `cannot write ${path}: ${reasonOf(error)}`, { cause: error });
  }
}
