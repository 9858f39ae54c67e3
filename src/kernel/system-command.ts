import { accessSync, constants, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { TcplabError } from '../error.ts';

/** The folders of system commands. An ordinary user's PATH often leaves some of them out. */
const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/local/bin', '/usr/bin', '/bin'];

/** The user's PATH, and after it the system's folders. */
export function systemPath(): string {
  return [process.env['PATH'], ...SYSTEM_FOLDERS].filter(Boolean).join(delimiter);
}

/** The path of a command that tcplab itself needs. Throws a TcplabError with code MACHINE and how to install it. */
export function systemCommand(name: string, packages: Packages): string {
  const paths = systemPath().split(delimiter);
  const found = paths.map((folder) => join(folder, name)).find(isExecutable);
  if (found) return found;
  throw notInstalled(name, packages);
}

/** What a distribution calls the package that has a command or a library: `debian` is for Debian and Ubuntu, and so on. */
export interface Packages {
  debian: string;
  fedora: string;
  alpine: string;
  arch: string;
}

/** The packages of setpriv(1) and unshare(1). */
export const UTIL_LINUX: Packages = {
  debian: 'util-linux',
  fedora: 'util-linux',
  alpine: 'util-linux-misc setpriv',
  arch: 'util-linux',
};

/** The error for a command that is not installed. Its hint is the command for this machine's distribution (os-release(5)). */
export function notInstalled(what: string, packages: Packages): TcplabError {
  const release = readIfThere('/etc/os-release');
  const like = /^ID_LIKE=(.*)$/m.exec(release)?.[1] ?? '';
  const ids = `${/^ID=(.*)$/m.exec(release)?.[1]} ${like}`.replaceAll('"', '').split(' ');
  const install = ids.map((id) => INSTALL[id]).find((command) => command !== undefined) ?? INSTALL['debian'];
  const [command, distribution] = install as [string, keyof Packages];
  return new TcplabError('MACHINE', `${what} is not installed`, {
    hint: `install it: ${command} ${packages[distribution]}`,
  });
}

/** By the ID or ID_LIKE of a distribution. */
const INSTALL: Record<string, [command: string, packages: keyof Packages]> = {
  debian: ['apt-get install', 'debian'],
  ubuntu: ['apt-get install', 'debian'],
  fedora: ['dnf install', 'fedora'],
  rhel: ['dnf install', 'fedora'],
  alpine: ['apk add', 'alpine'],
  arch: ['pacman -S', 'arch'],
};

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
