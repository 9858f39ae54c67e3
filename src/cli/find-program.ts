import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { TcplabError } from '../error.ts';

/** The path of a command, as execvp(3) finds it. Throws USAGE before anything is set up for a command that can't run. */
export function findProgram(name: string): string {
  const candidates = name.includes('/')
    ? [name]
    : (process.env['PATH'] ?? '/usr/bin:/bin').split(delimiter).map((folder) => join(folder || '.', name));
  const found = candidates.find(isExecutable);
  if (found) return found;
  const why = name.includes('/') ? 'it is not an executable file' : 'it is not in any folder of PATH';
  throw new TcplabError('USAGE', `no command '${name}': ${why}`, { hint: "give the command's full path" });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
