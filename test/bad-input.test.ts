import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { eventually, type Outcome, Program, run, TCPLAB, tcplab, tcplabHere } from './cli.ts';

function start(...args: string[]): Program {
  return new Program([...TCPLAB, ...args]);
}

describe.concurrent('wrong use ends with 2 and one message', () => {
  const wrong: [args: string, message: RegExp][] = [
    ['run fin-wait-9', /no scenario, state or transition is called 'fin-wait-9'\n.*did you mean fin-wait-1/],
    ['run listen closs-wait', /'closs-wait'\n.*did you mean close-wait/],
    ['hold TIME_WEIT', /'TIME_WEIT'\n.*did you mean time-wait/],
    ['explain establishd', /'establishd'\n.*did you mean established/],
    ['run FIN_WAT1', /'FIN_WAT1'\n.*did you mean fin-wait-1/],
    ['run SYN_REC', /'SYN_REC'\n.*did you mean .*syn-received/],
    ['run Close_Wait_Never_Acepted', /did you mean close-wait-never-accepted/],
    ['explain listen-closd', /'listen-closd'\n.*did you mean listen-closed/],
    ['explain 99', /no scenario, state or transition is called '99'/],
    ['explain SYN-SENT>LISTEN', /no scenario, state or transition is called 'SYN-SENT>LISTEN'/],
    ['run --hold 5x', /--hold.*'5x'.*such as 250ms, 30s or 2m/],
    ['run --hold 0', /--hold.*'0'.*more than 0/],
    ['run --hold -1s', /--hold.*'-1s'/],
    ['run --hold 99999h', /--hold.*less than 24 days/],
    ['run --hold', /--hold.*argument missing/],
    ['run --repeat 0', /--repeat.*'0'.*whole number from 1/],
    ['run --repeat 1.5', /--repeat.*'1.5'/],
    ['run --repeat many', /--repeat.*'many'/],
    ['run --jobs 0', /--jobs.*'0'/],
    ['run --jobs 1e9', /--jobs.*'1e9'/],
    ['run --pcap /proc/x listen', /cannot write \/proc\/x: no such file or directory/],
    ['run --frob', /unknown option '--frob'/],
    ['run --jsno', /unknown option '--jsno'\n.*--json/],
    ['frobnicate', /unknown command 'frobnicate'/],
    ['hodl listen', /unknown command 'hodl'\n.*hold/],
    ['list extra', /too many arguments/],
    ['hold', /missing required argument 'name'/],
    ['hold listen --for soon', /--for.*'soon'/],
    ['hold listen --on moon -- ss', /--on.*'moon'.*client, server/],
    ['hold listen --on client', /--on needs a command after `--`\n.*--on client -- ss -tan/],
    ['hold listen -- ss -tan', /the command needs --on/],
    ['hold listen --on client --json -- true', /--json can't be combined with --on/],
    ['hold listen --on client --ladder -- true', /--ladder can't be combined with --on/],
    ['hold listen --on client -- no-such-command', /no command 'no-such-command'/],
    ['hold listen --on client -- /no/such/command', /no command '\/no\/such\/command'/],
    ['hold listen --on client -- /etc/passwd', /no command '\/etc\/passwd'/],
    ['hold listen --on client -- /etc', /no command '\/etc'/],
  ];

  it.each(wrong)('tcplab %s', async (args, message) => {
    const outcome = await tcplabHere(...args.split(' '));
    expectRefusal(outcome, 2);
    expect(outcome.stderr).toMatch(message);
  });

  it('a name that is like no other gets no wild guess', async () => {
    const { stderr } = await tcplabHere('run', 'xyzzyxyzzy');
    expect(stderr).toMatch(/'xyzzyxyzzy'/);
    expect(stderr).not.toMatch(/did you mean/);
  });

  it.each([
    ['close_wait_never_accepted', 'close-wait-never-accepted'],
    ['Listen_Closed', 'listen-closed'],
    ['closeWaitReset', 'close-wait-reset'],
  ])('%s is another spelling of %s', async (name, id) => {
    expect((await tcplabHere('explain', name)).stdout).toMatch(new RegExp(`^${id}\n`));
    const { status, stdout } = await tcplabHere('hold', name, '--for', '1ms', '--json');
    expect({ status, scenario: JSON.parse(stdout).scenario }).toEqual({ status: 0, scenario: id });
  });

  it.each([
    ['17', 'Transition 17: ESTABLISHED → FIN-WAIT-1'],
    ['SYN-SENT>CLOSED', 'Transition 8: SYN-SENT → CLOSED'],
    ['syn_sent->Closed', 'Transition 8: SYN-SENT → CLOSED'],
  ])('explain knows the arc %s', async (name, title) => {
    const { status, stdout } = await tcplabHere('explain', name);
    expect({ status, title: stdout.split('\n')[0] }).toEqual({ status: 0, title });
  });

  it('nothing is suggested twice', async () => {
    const { stderr } = await tcplabHere('run', 'fin-wait-9');
    const names = /did you mean (.*)\?/.exec(stderr)?.[1]?.toLowerCase().split(', ') ?? [];
    expect(names).toContain('fin-wait-1');
    expect(names).toEqual([...new Set(names)]);
  });

  it('tcplab alone shows how it is used', async () => {
    const { status, stdout, stderr } = await tcplab();
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(/^Usage: tcplab/);
  });

  it('who stops reading early gets no complaint', async () => {
    const reader = start('list');
    reader.child.stdout?.destroy();
    const { stderr } = await reader.ended;
    expect(stderr).toBe('');
  });
});

describe.concurrent('a machine that can’t ends with 3 and one message', () => {
  /** tcplab, after something was done to a world that only it sees. */
  function inWorld(change: string, ...args: string[]): Promise<Outcome> {
    const script = `${change} && exec "$@"`;
    return run(['unshare', '--mount', 'sh', '-c', script, 'sh', ...TCPLAB, ...args]);
  }

  const withoutLibrary = () => `mount --bind /dev/null ${libraryPath('libnftables.so.1')}`;

  it('no libnftables: run', async () => {
    const outcome = await inWorld(withoutLibrary(), 'run');
    expectRefusal(outcome, 3);
    expect(outcome.stderr).toMatch(/libnftables\.so\.1 is not installed\n.*install it: .*libnftables/);
  });

  it('no libnftables: hold', async () => {
    const outcome = await inWorld(withoutLibrary(), 'hold', 'fin-wait-1', '--on', 'client', '--', 'true');
    expectRefusal(outcome, 3);
    expect(outcome.stderr).toMatch(/libnftables/);
  });

  it('no libnftables: what needs no rule still works', async () => {
    expect((await inWorld(withoutLibrary(), 'run', 'listen', 'established')).status).toBe(0);
  });

  it('no libnftables: doctor names it and the command that installs it', async () => {
    const { status, stdout, stderr } = await inWorld(withoutLibrary(), 'doctor');
    expect({ status, stderr }).toEqual({ status: 3, stderr: '' });
    expect(stdout).toMatch(
      /missing\s+nftables[\s\S]*libnftables\.so\.1[\s\S]*fix: install it[\s\S]*Labs do not work here\. Missing: nftables\./,
    );
  });

  const READ_ONLY = 'mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys';

  it('/proc/sys is read-only: run', async () => {
    const outcome = await inWorld(READ_ONLY, 'run');
    expectRefusal(outcome, 3);
    expect(outcome.stderr).toMatch(/sysctl .*EROFS\n.*(make \/proc\/sys\/net writable|start the container)/);
  });

  it('/proc/sys is read-only: what needs no sysctl still works', async () => {
    expect((await inWorld(READ_ONLY, 'run', 'syn-sent', 'closed-refused')).status).toBe(0);
  });

  it('/proc/sys is read-only: doctor says so', async () => {
    const { stdout } = await inWorld(READ_ONLY, 'doctor');
    expect(stdout).toMatch(
      /(optional|missing)\s+sysctls[\s\S]*EROFS[\s\S]*fix: (make \/proc\/sys\/net writable|start the container)/,
    );
  });

  /** The file and the mount by which a Podman container is known. */
  const CONTAINER =
    'mount -t tmpfs tmpfs /run && touch /run/.containerenv && mount --bind /etc/hosts /etc/hosts';
  const OPTIONS =
    /start the container with `podman run --security-opt seccomp=unconfined --security-opt unmask=ALL`/;

  it('in a container, a read-only /proc/sys names the option of its engine', async () => {
    const outcome = await inWorld(`${CONTAINER} && ${READ_ONLY}`, 'run', 'syn-flood');
    expectRefusal(outcome, 3);
    expect(outcome.stderr).toMatch(OPTIONS);
  });

  it('in a container without rights, the error and doctor name the option of its engine', async () => {
    const outcome = await withoutRightsIn(CONTAINER, 'run');
    expectRefusal(outcome, 3);
    expect(outcome.stderr).toMatch(OPTIONS);
    const { status, stdout } = await withoutRightsIn(CONTAINER, 'doctor');
    expect(status).toBe(3);
    expect(stdout.replace(/\s+/g, ' ')).toMatch(OPTIONS);
  });

  /** In a user namespace without rights of its own, in which no more can be made: as in a container. */
  function withoutRights(...args: string[]): Promise<Outcome> {
    return withoutRightsIn('true', ...args);
  }

  function withoutRightsIn(change: string, ...args: string[]): Promise<Outcome> {
    const lower = 'setpriv --bounding-set -all --inh-caps -all --no-new-privs --';
    const script = `${change} && echo 0 >/proc/sys/user/max_user_namespaces && exec ${lower} "$@"`;
    return run([
      'unshare',
      '--user',
      '--map-root-user',
      '--mount',
      'sh',
      '-c',
      script,
      'sh',
      ...TCPLAB,
      ...args,
    ]);
  }

  it.each([['run'], ['hold listen --on client -- true']])('no rights: %s', async (args) => {
    const outcome = await withoutRights(...args.split(' '));
    expectRefusal(outcome, 3);
    expect(outcome.stderr).toMatch(
      /no network namespaces here: this process lacks CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_ADMIN, and user\.max_user_namespaces is 0\n.*(run as root.*sudo sysctl -w user\.max_user_namespaces=10000|start the container)/,
    );
  });

  it('no rights: doctor says how to fix it', async () => {
    const { status, stdout, stderr } = await withoutRights('doctor');
    expect({ status, stderr }).toEqual({ status: 3, stderr: '' });
    expect(stdout).toMatch(
      /missing\s+network namespaces[\s\S]*max_user_namespaces\s+is 0[\s\S]*fix: (run as root|start the container)/,
    );
  });

  /** The setting with which containers are kept from namespaces that they could otherwise make. */
  function withoutNamespaces(...args: string[]): Promise<Outcome> {
    const script = 'echo 0 >/proc/sys/user/max_net_namespaces && exec "$@"';
    return run([
      'unshare',
      '--user',
      '--map-root-user',
      '--net',
      '--mount',
      'sh',
      '-c',
      script,
      'sh',
      ...TCPLAB,
      ...args,
    ]);
  }

  it.each([['run'], ['hold listen --on client -- true']])('no network namespaces: %s', async (args) => {
    const outcome = await withoutNamespaces(...args.split(' '));
    expectRefusal(outcome, 3);
    expect(outcome.stderr).toMatch(/namespace|unshare/);
    expect(outcome.stderr).not.toMatch(/cannot return/);
  });

  it('no network namespaces: doctor says so', async () => {
    const { status, stdout, stderr } = await withoutNamespaces('doctor');
    expect({ status, stderr }).toEqual({ status: 3, stderr: '' });
    expect(stdout).toMatch(/missing\s+network namespaces/);
  });

  it('what lists and explains needs nothing of the machine', async () => {
    expect((await withoutRights('list')).status).toBe(0);
    expect((await withoutRights('--version')).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe.concurrent('hold --on runs a command', () => {
  const inside = (...command: string[]) => start('hold', 'established', '--on', 'client', '--', ...command);

  it.each([0, 1, 2, 3, 7, 255])('and ends with its status: %i', async (status) => {
    expect(await inside('sh', '-c', `exit ${status}`).ended).toEqual({ status, stdout: '', stderr: '' });
  });

  it.each([
    ['TERM', 143],
    ['KILL', 137],
    ['SEGV', 139],
  ])('and ends with 128 and the number of the signal that ended it: %s', async (signal, status) => {
    expect(await inside('sh', '-c', `kill -${signal} $$`).ended).toEqual({ status, stdout: '', stderr: '' });
  });

  it('whose output alone is on stdout, and whose errors alone are on stderr', async () => {
    expect(await inside('sh', '-c', 'printf "one\\ntwo"; printf three >&2').ended).toEqual({
      status: 0,
      stdout: 'one\ntwo',
      stderr: 'three',
    });
  });

  it('with its arguments as they are, though they look like options', async () => {
    const { stdout } = await inside('printf', '%s|', '--json', '--for', 'a b', '').ended;
    expect(stdout).toBe('--json|--for|a b||');
  });

  it('that runs inside that host', async () => {
    const addresses = await Promise.all(
      ['client', 'server'].map((host) =>
        tcplab('hold', 'listen', '--on', host, '--', 'ip', '-brief', '-4', 'addr', 'show', 'eth0'),
      ),
    );
    expect(addresses[0]?.stdout).toContain('192.168.2.10/24');
    expect(addresses[1]?.stdout).toContain('192.168.2.11/24');
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('to which %s is passed on', async (signal, status) => {
    const program = inside(
      'sh',
      '-c',
      `trap 'echo told; exit 42' ${signal.slice(3)}; echo ready; while :; do sleep 0.01; done`,
    );
    await program.until(/ready/);
    program.kill(signal);
    expect(await program.ended).toEqual({ status: 42, stdout: 'ready\ntold\n', stderr: '' });

    const untrapped = inside('sh', '-c', 'echo ready; exec sleep 1000');
    await untrapped.until(/ready/);
    untrapped.kill(signal);
    expect((await untrapped.ended).status).toBe(status);
    await expectNoneLeft(untrapped);
  });

  it.each([
    ['by SIGTERM', 'exec sleep 1000', 143],
    ['with a status of its own', 'trap "exit 42" TERM; while :; do sleep 0.01; done', 42],
    ['by SIGKILL, when it does not hear that', 'trap "" TERM; while :; do sleep 0.01; done', 137],
  ])('that is ended when the time of --for is over: %s', async (_, script, status) => {
    const program = start('hold', 'listen', '--on', 'client', '--for', '100ms', '--', 'sh', '-c', script);
    expect(await program.ended).toEqual({ status, stdout: '', stderr: '' });
    await expectNoneLeft(program);
  });

  it('that ends before the time of --for is over, and does not wait for it', async () => {
    const program = start('hold', 'listen', '--on', 'client', '--for', '1h', '--', 'sh', '-c', 'exit 3');
    expect((await program.ended).status).toBe(3);
  });

  it('that ends with tcplab, even by SIGKILL', async () => {
    const program = inside('sh', '-c', 'echo ready; exec sleep 1000');
    await program.until(/ready/);
    // The command, and the shell that sees to it when tcplab is killed.
    expect(program.offspring().length).toBe(2);
    program.child.stdout?.destroy();
    program.child.stderr?.destroy();
    const ended = once(program.child, 'exit');
    program.kill('SIGKILL');
    await ended;
    await expectNoneLeft(program);
  });

  it('whose own children end with the lab as well', async () => {
    const program = inside('sh', '-c', 'sleep 1000 >/dev/null 2>&1 & echo ready; wait');
    await program.until(/ready/);
    program.kill('SIGINT');
    expect((await program.ended).status).toBe(130);
    await expectNoneLeft(program);
  });

  it('whose children that it leaves behind end with the lab', async () => {
    const program = inside('sh', '-c', 'sleep 1000 >/dev/null 2>&1 & exit 5');
    expect((await program.ended).status).toBe(5);
    await expectNoneLeft(program);
  });
});

/** One message, and nothing that only a programmer understands. */
function expectRefusal({ status, stdout, stderr }: Outcome, expected: 2 | 3): void {
  expect({ status, stdout, stderr }).toEqual({ status: expected, stdout: '', stderr: expect.any(String) });
  expect(stderr).toMatch(/^(tcplab|error): /);
  expect(stderr).not.toMatch(/\n\s+at |node:|internal error/);
  expect(stderr.trimEnd().split('\n').length).toBeLessThanOrEqual(3);
  expect(stderr.match(/^(tcplab|error): /gm)).toHaveLength(1);
}

/** Where the dynamic linker finds it. */
function libraryPath(name: string): string {
  const { stdout } = spawnSync('ldconfig', ['-p'], { encoding: 'utf8' });
  const path = stdout
    .split('\n')
    .find((line) => line.trim().startsWith(`${name} `))
    ?.split(' => ')[1];
  if (!path) throw new Error(`${name} is not on this machine`);
  return path;
}

async function expectNoneLeft(program: Program): Promise<void> {
  await eventually('the end of all that it started', () => program.offspring().length === 0, 5000);
}
