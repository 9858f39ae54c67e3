import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { TcplabError } from '../error.ts';
import { type Packages, systemCommand, UTIL_LINUX } from './system-command.ts';

/** How a program is started as another user. */
export interface AsUser {
  /** The command in front of the program's, with its arguments. */
  prefix: readonly string[];
  /** What a supervisor sets for a user. */
  environment: NodeJS.ProcessEnv;
}

const GETENT: Packages = { debian: 'libc-bin', fedora: 'glibc-common', alpine: 'musl-utils', arch: 'glibc' };

/**
 * How this process starts a program as a user, by name or number. Root changes the numbers of the process. Root of a user
 * namespace of its own has no other user but itself: the program gets a user namespace in which that one has its own number
 * again. Throws a TcplabError with code USAGE if there is no such user, or this process may not become it.
 */
export function asUser(name: string): AsUser {
  const { uid, gid, login, home } = userNamed(name);
  const environment = { HOME: home, USER: login, LOGNAME: login };
  if (uid === process.geteuid?.()) return { prefix: [], environment };
  const own = ownNumberOutside();
  if (own === undefined && process.geteuid?.() === 0)
    return {
      prefix: [
        systemCommand('setpriv', UTIL_LINUX),
        ...['--reuid', String(uid), '--regid', String(gid), '--init-groups', '--'],
      ],
      environment,
    };
  if (own === uid)
    return {
      prefix: [
        systemCommand('unshare', UTIL_LINUX),
        ...['--user', `--map-user=${uid}`, `--map-group=${gid}`, '--'],
      ],
      environment,
    };
  throw new TcplabError('USAGE', `without root, tcplab can't start a program as '${name}'`, {
    hint: 'run tcplab as root, or name your own user',
  });
}

function userNamed(name: string): { uid: number; gid: number; login: string; home: string } {
  // The databases of users are not only files (nsswitch.conf(5)).
  const { stdout } = spawnSync(systemCommand('getent', GETENT), ['passwd', '--', name], { encoding: 'utf8' });
  const [login = '', , uid = '', gid = '', , home = '/'] = (stdout ?? '').trim().split(':');
  if (login === '') {
    throw new TcplabError('USAGE', `no user '${name}' exists on this machine`, {
      hint: '`getent passwd` shows all users',
    });
  }
  return { uid: Number(uid), gid: Number(gid), login, home };
}

/** The number of this process's user outside, if its user namespace has that single one (user_namespaces(7)). */
function ownNumberOutside(): number | undefined {
  const [, outside] = /^\s*0\s+(\d+)\s+1\s*$/.exec(readFileSync('/proc/self/uid_map', 'utf8')) ?? [];
  return outside === undefined ? undefined : Number(outside);
}
