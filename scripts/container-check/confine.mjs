// Confines this process as Docker confines a container, and becomes the container's command. Started by main.mjs inside
// new mount, PID, network, UTS, IPC and cgroup namespaces, as root:
//   node confine.mjs '{"root": "/path", "flags": ["--cap-drop=ALL"], "user": "node"}' COMMAND...
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { chdir } from 'node:process';
import koffi from 'koffi';
import { execute } from '../../build/kernel/process.js';

/** Docker's default capabilities (docs.docker.com, "Runtime privilege and Linux capabilities"). */
const DEFAULT_CAPABILITIES = [
  ...['AUDIT_WRITE', 'CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'KILL', 'MKNOD', 'NET_BIND_SERVICE'],
  ...['NET_RAW', 'SETFCAP', 'SETGID', 'SETPCAP', 'SETUID', 'SYS_CHROOT'],
];

/** What Docker's default profile denies without CAP_SYS_ADMIN, of the calls that its documentation lists. */
const NEEDS_SYS_ADMIN = [
  ...[
    'bpf',
    'fanotify_init',
    'fsconfig',
    'fsmount',
    'fsopen',
    'fspick',
    'lookup_dcookie',
    'mount',
    'mount_setattr',
  ],
  ...[
    'move_mount',
    'open_tree',
    'perf_event_open',
    'quotactl',
    'quotactl_fd',
    'setdomainname',
    'sethostname',
    'setns',
  ],
  ...['syslog', 'umount2', 'unshare'],
];
/** What it denies with the default capabilities, whether or not CAP_SYS_ADMIN is added. */
const DENIED = [
  ...[
    'acct',
    'add_key',
    'clock_settime',
    'delete_module',
    'finit_module',
    'get_mempolicy',
    'init_module',
    'ioperm',
  ],
  ...[
    'iopl',
    'io_uring_enter',
    'io_uring_register',
    'io_uring_setup',
    'kcmp',
    'kexec_file_load',
    'kexec_load',
    'keyctl',
  ],
  ...[
    'mbind',
    'move_pages',
    'nfsservctl',
    'open_by_handle_at',
    'pidfd_getfd',
    'pivot_root',
    'process_madvise',
  ],
  ...['reboot', 'request_key', 'set_mempolicy', 'settimeofday', 'swapoff', 'swapon', 'sysfs', 'uselib'],
  ...['userfaultfd', 'ustat', 'vhangup'],
];
/** The CLONE_NEW* flags of clone(2): cgroup, IPC, mount, network, PID, user, UTS. */
const NEW_NAMESPACES = 0x7e020000n;
const [EPERM, ENOSYS] = [1, 38];

/** Mounted over with nothing, and mounted read-only (docs.docker.com, `--security-opt systempaths=unconfined`). */
const MASKED = [
  'acpi',
  'asound',
  'interrupts',
  'kcore',
  'keys',
  'latency_stats',
  'sched_debug',
  'scsi',
  'timer_list',
];
const READ_ONLY = ['bus', 'fs', 'irq', 'sys', 'sysrq-trigger'];

const [settings = '{}', ...command] = process.argv.slice(2);
/** @type {{ root: string, flags: string[], user: string, environment: Record<string, string> }} */
const { root, flags, user, environment } = JSON.parse(settings);
const has = (/** @type {string} */ flag) => flags.includes(flag);

const capabilities = has('--privileged')
  ? ['all']
  : [
      ...(has('--cap-drop=ALL') ? [] : DEFAULT_CAPABILITIES),
      ...flags.flatMap((flag) => (flag.startsWith('--cap-add=') ? [flag.slice('--cap-add='.length)] : [])),
    ];

makeRoot();
if (!has('--privileged') && !has('--security-opt=seccomp=unconfined')) loadFilter();
// Docker gives its capabilities to root alone; a user has them in the bounding set, for programs with set-user-ID.
const ids =
  user === 'root'
    ? ['--reuid=0', '--regid=0', '--clear-groups']
    : [`--reuid=${user}`, `--regid=${user}`, '--init-groups'];
const caps = ['-all', ...capabilities.map((name) => `+${name === 'all' ? name : name.toLowerCase()}`)].join(
  ',',
);
execute(
  '/usr/bin/setpriv',
  [`--bounding-set=${caps}`, `--inh-caps=-all`, ...ids, '--', ...command],
  environment,
);

/** Mounts what a container sees, and makes it the root. */
function makeRoot() {
  const mount = (/** @type {string[]} */ ...args) => run('mount', ...args);
  mount('--make-rprivate', '/');
  mount('--bind', root, root);
  mount('-t', 'proc', '-o', 'nosuid,nodev,noexec', 'proc', `${root}/proc`);
  mount(
    '-t',
    'sysfs',
    '-o',
    `nosuid,nodev,noexec${has('--privileged') ? '' : ',ro'}`,
    'sysfs',
    `${root}/sys`,
  );
  mount('-t', 'tmpfs', '-o', 'nosuid,mode=755', 'tmpfs', `${root}/dev`);
  for (const name of ['null', 'zero', 'full', 'random', 'urandom', 'tty']) {
    run('touch', `${root}/dev/${name}`);
    mount('--bind', `/dev/${name}`, `${root}/dev/${name}`);
  }
  run('ln', '-s', '/proc/self/fd', `${root}/dev/fd`);
  run('touch', `${root}/.dockerenv`, `${root}/etc/hosts`);
  mount('--bind', '/etc/hosts', `${root}/etc/hosts`);
  if (!has('--privileged') && !has('--security-opt=systempaths=unconfined')) {
    for (const name of READ_ONLY) {
      const path = `${root}/proc/${name}`;
      if (!existsSync(path)) continue;
      mount('--bind', path, path);
      mount('-o', 'remount,bind,ro,nosuid,nodev,noexec', path);
    }
    for (const name of MASKED) {
      const path = `${root}/proc/${name}`;
      if (!existsSync(path)) continue;
      if (statSync(path).isDirectory()) mount('-t', 'tmpfs', '-o', 'ro', 'tmpfs', path);
      else mount('--bind', '/dev/null', path);
    }
  }
  run('mkdir', '-p', `${root}/.before`);
  // Not chroot(2): the kernel makes no user namespace for a process that has left its mount namespace's root.
  run('pivot_root', root, `${root}/.before`);
  chdir('/');
  spawnSync('/bin/umount', ['-l', '/.before']);
}

/** A deny list in the place of Docker's allow list: calls that both leave out are calls that nothing here makes. */
function loadFilter() {
  const lib = koffi.load('libseccomp.so.2');
  const init = lib.func('void *seccomp_init(uint32_t action)');
  const resolve = lib.func('int seccomp_syscall_resolve_name(const char *name)');
  const comparison = koffi.struct({ arg: 'uint', op: 'int', a: 'uint64_t', b: 'uint64_t' });
  const add = lib.func('seccomp_rule_add_array', 'int', [
    'void *',
    'uint32_t',
    'int',
    'uint',
    koffi.pointer(comparison),
  ]);
  const attribute = lib.func('int seccomp_attr_set(void *filter, int attribute, uint32_t value)');
  const load = lib.func('int seccomp_load(void *filter)');
  const [ALLOW, NO_NEW_PRIVILEGES, MASKED_EQ] = [0x7fff0000, 3, 7];
  const errno = (/** @type {number} */ number) => 0x00050000 | number;

  const filter = init(ALLOW);
  const deny = (/** @type {string} */ name, number = EPERM, /** @type {object[]} */ when = []) => {
    const call = resolve(name);
    // Negative: another architecture has it.
    if (call >= 0 && add(filter, errno(number), call, when.length, when) < 0)
      throw new Error(`seccomp rule: ${name}`);
  };
  for (const name of DENIED) deny(name);
  if (!capabilities.includes('SYS_ADMIN')) {
    for (const name of NEEDS_SYS_ADMIN) deny(name);
    deny('clone3', ENOSYS);
    for (let bit = 1n; bit <= NEW_NAMESPACES; bit <<= 1n) {
      if (NEW_NAMESPACES & bit) deny('clone', EPERM, [{ arg: 0, op: MASKED_EQ, a: bit, b: bit }]);
    }
  }
  // Docker does not set it by default.
  attribute(filter, NO_NEW_PRIVILEGES, 0);
  if (load(filter) < 0) throw new Error('seccomp_load failed');
}

/** @param {string[]} command */
function run(...[program = '', ...args]) {
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${error?.message ?? stderr}`);
}
