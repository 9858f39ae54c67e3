import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { TcplabError } from '../error.ts';

/** Makes sure that a command can be run, before anything is set up for it: as execvp(3) would find it. */
export function findProgram(name: string): string {
  const candidates = name.includes('/')
    ? [name]
    : (process.env['PATH'] ?? '/usr/bin:/bin').split(delimiter).map((folder) => join(folder || '.', name));
  const found = candidates.find(isExecutable);
  if (found) return found;
  throw new TcplabError('USAGE', `no command '${name}' to run`, {
    hint: name.includes('/') ? 'give the path of a program that may be executed' : 'it is not on the PATH',
  });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
