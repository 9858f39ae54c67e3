import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { TcplabError } from '../error.ts';

/** PATH may be empty, and an ordinary user's PATH often lacks the folders of the system's commands. */
const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/bin', '/bin'];

/** The path of a command of this machine. Throws with code MACHINE if it is missing; `hint` says how to install it. */
export function findCommand(name: string, hint: string): string {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter).filter(Boolean), ...SYSTEM_FOLDERS];
  const found = folders.map((folder) => join(folder, name)).find(isExecutable);
  if (found) return found;
  throw new TcplabError('MACHINE', `${name} is not on this machine`, { hint });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
