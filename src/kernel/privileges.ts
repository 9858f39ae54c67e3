import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { TcplabError } from '../error.ts';
import { containerHint } from './container.ts';
import { execute } from './process.ts';

/**
 * What this process may do. `root`: everything. `user-namespace`: root inside a user namespace of its own, so
 * everything but tracefs. `none`: no namespaces can be made from here.
 */
export type Privilege = 'root' | 'user-namespace' | 'none';

const CAP_NET_ADMIN = 12n;
const CAP_SYS_ADMIN = 21n;

export function currentPrivilege(): Privilege {
  const status = readFileSync('/proc/self/status', 'utf8');
  const effective = BigInt(`0x${/^CapEff:\s*(\w+)/m.exec(status)?.[1] ?? '0'}`);
  const has = (capability: bigint) => (effective >> capability) % 2n === 1n;
  if (!has(CAP_SYS_ADMIN) || !has(CAP_NET_ADMIN)) return 'none';
  return isInitialUserNamespace() ? 'root' : 'user-namespace';
}

/** The initial user namespace maps all numbers onto themselves (user_namespaces(7)). */
function isInitialUserNamespace(): boolean {
  return /^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'utf8'));
}

const MARK = 'TCPLAB_USER_NAMESPACE';
/** Mounts of a new user namespace do not propagate out of it anyway, and AppArmor forbids a container to set that. */
const UNSHARE = ['--user', '--map-root-user', '--net', '--mount', '--propagation', 'unchanged', '--'];

/**
 * Starts this program again as root of a user namespace of its own, as the same process (unshare(1)). Comes back
 * only by throwing: a TcplabError with code MACHINE where the system forbids it.
 */
export function enterUserNamespace(script: string, args: string[]): never {
  const why = process.env[MARK] ? 'a user namespace was made, but gives no privileges' : whyNoUserNamespace();
  if (why) {
    throw new TcplabError('MACHINE', `cannot create network namespaces: ${why}`, {
      hint: containerHint() ?? 'run it as root with sudo, or see `tcplab doctor` for how to allow it without',
    });
  }
  const command = [process.execPath, ...process.execArgv, script, ...args];
  execute(unsharePath(), [...UNSHARE, ...command], { ...process.env, [MARK]: '1' });
}

/** Undefined when this user may make user namespaces, which is found out by making one in a child. */
function whyNoUserNamespace(): string | undefined {
  const tried = spawnSync(unsharePath(), [...UNSHARE, 'true'], { encoding: 'utf8' });
  if (tried.status === 0) return undefined;
  if (tried.error) return 'unshare(1) of util-linux is not on this machine';
  const forbidding = Object.entries(FORBIDDING).find(([path, value]) => readIfThere(path) === value);
  if (forbidding)
    return `${forbidding[0].slice('/proc/sys/'.length).replaceAll('/', '.')} is ${forbidding[1]}`;
  return tried.stderr.trim().replace(/^unshare: /, '') || `unshare ended with status ${tried.status}`;
}

/** Settings with which distributions forbid user namespaces to ordinary users. */
const FORBIDDING = {
  '/proc/sys/kernel/unprivileged_userns_clone': '0',
  '/proc/sys/user/max_user_namespaces': '0',
  '/proc/sys/kernel/apparmor_restrict_unprivileged_userns': '1',
};

function readIfThere(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, 'utf8').trim() : undefined;
}

function unsharePath(): string {
  return ['/usr/bin/unshare', '/bin/unshare'].find((path) => existsSync(path)) ?? 'unshare';
}
