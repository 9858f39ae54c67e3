import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { TcplabError } from '../error.ts';
import { containerHint } from './container.ts';
import { libc } from './libc.ts';
import { execute } from './process.ts';
import { systemCommand, UTIL_LINUX } from './system-command.ts';

/**
 * What this process may do. `root`: everything. `user-namespace`: root inside a user namespace of its own, so
 * everything but tracefs. `none`: it can't make labs.
 */
export type Privilege = 'root' | 'user-namespace' | 'none';

/** The numbers of the capabilities that a lab needs (capabilities(7)). */
const NEEDED = { CAP_NET_ADMIN: 12n, CAP_NET_RAW: 13n, CAP_SYS_ADMIN: 21n };

export function currentPrivilege(): Privilege {
  if (obstacle() !== undefined) return 'none';
  return isInitialUserNamespace() ? 'root' : 'user-namespace';
}

/** Why the kernel refuses its events to this process with EPERM. */
export function whyNoKernelEvents(): string {
  return isInitialUserNamespace() && process.geteuid?.() === 0
    ? 'a container, a security module or kernel lockdown forbids kernel events, even to root'
    : 'kernel events need root';
}

/** What prevents this process from making labs, as the middle of a sentence; undefined if nothing does. */
function obstacle(): string | undefined {
  const status = readFileSync('/proc/self/status', 'utf8');
  const effective = BigInt(`0x${/^CapEff:\s*(\w+)/m.exec(status)?.[1] ?? '0'}`);
  const missing = Object.entries(NEEDED).filter(([, number]) => (effective >> number) % 2n === 0n);
  if (missing.length > 0) return `this process lacks ${missing.map(([name]) => name).join(', ')}`;
  return mayReturn() ? undefined : "this process's network belongs to another user namespace";
}

/**
 * Whether a thread that leaves the network of this process may return to it: not as root of a user namespace that was made
 * without a network namespace (`unshare --user`), because the network still belongs to the parent (setns(2)).
 */
function mayReturn(): boolean {
  const CLONE_NEWNET = 0x40000000;
  const home = openSync('/proc/thread-self/ns/net', 'r');
  try {
    return libc.setns(home, CLONE_NEWNET) === 0;
  } finally {
    closeSync(home);
  }
}

/** The initial user namespace maps all numbers onto themselves (user_namespaces(7)). */
function isInitialUserNamespace(): boolean {
  return /^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'utf8'));
}

/** The process that was started again, by its number, which stays the same. Its children have the variable as well. */
const MARK = 'TCPLAB_USER_NAMESPACE';
/** Mounts of a new user namespace do not propagate out of it anyway, and AppArmor forbids a container to set that. */
const UNSHARE = ['--user', '--map-root-user', '--net', '--mount', '--propagation', 'unchanged', '--'];

/**
 * Starts this program again as root of a user namespace of its own, as the same process (unshare(1)). Comes back
 * only by throwing: a TcplabError with code MACHINE where the system forbids it.
 */
export function enterUserNamespace(script: string, args: string[]): never {
  const unshare = systemCommand('unshare', UTIL_LINUX);
  const { why, fix } =
    process.env[MARK] === String(process.pid)
      ? { why: 'a new user namespace gives it no capabilities', fix: undefined }
      : whyNoUserNamespace(unshare);
  if (why) {
    throw new TcplabError('MACHINE', `no network namespaces here: ${obstacle()}, and ${why}`, {
      hint: containerHint() ?? `run as root (\`sudo tcplab …\`)${fix ? `, or run: sudo ${fix}` : ''}`,
    });
  }
  const command = [process.execPath, ...process.execArgv, script, ...args];
  execute(unshare, [...UNSHARE, ...command], { ...process.env, [MARK]: String(process.pid) });
}

/** Empty when this user may make user namespaces, which it finds out by making one in a child. */
function whyNoUserNamespace(unshare: string): { why?: string; fix?: string } {
  const tried = spawnSync(unshare, [...UNSHARE, '/bin/sh', '-c', ':'], { encoding: 'utf8' });
  if (tried.status === 0) return {};
  const forbidding = FORBIDDING.find(({ name, value }) => readIfThere(sysctlPath(name)) === value);
  if (forbidding) {
    const { name, value, allows } = forbidding;
    return { why: `${name} is ${value}`, fix: `sysctl -w ${name}=${allows}` };
  }
  return { why: tried.stderr?.trim() || `unshare exited with status ${tried.status}` };
}

/** Settings with which distributions forbid user namespaces to ordinary users. */
const FORBIDDING = [
  { name: 'kernel.unprivileged_userns_clone', value: '0', allows: '1' },
  { name: 'user.max_user_namespaces', value: '0', allows: '10000' },
  { name: 'kernel.apparmor_restrict_unprivileged_userns', value: '1', allows: '0' },
];

function sysctlPath(name: string): string {
  return `/proc/sys/${name.replaceAll('.', '/')}`;
}

function readIfThere(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, 'utf8').trim() : undefined;
}
