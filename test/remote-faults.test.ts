import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunReport } from '../src/report/story/run-report.ts';
import { eventually, IS_ROOT, needRoot, Program, REPOSITORY, TCPLAB } from './cli.ts';
import { enter, inside, rulesOf, TwoMachines, untilRules, untilUp } from './two-machines.ts';

/** Remote hosts, and what can go wrong with them. */

let machines: TwoMachines;

beforeAll(async () => {
  machines = await TwoMachines.create();
  if (IS_ROOT) await machines.startSshd();
});

afterAll(() => machines?.end());

/** Holds a scenario between the two machines, until its rules are set. */
async function holding(...args: string[]): Promise<Program> {
  const { client, server } = machines.places;
  const places = args.includes('--server') ? [] : ['--client', client, '--server', server];
  const program = machines.start('hold', ...args, ...places);
  await program.until(/ms in (FIN-WAIT-1|SYN-RECEIVED)|left\)/);
  return program;
}

/** The processes of a command line that are in a machine. */
function processes(machine: Program, words: RegExp): number[] {
  const network = readNetwork(machine.pid);
  return readdirSync('/proc').flatMap((name) => {
    const pid = Number(name);
    const isThere = pid > 0 && readNetwork(pid) === network && words.test(commandLine(pid));
    return isThere ? [pid] : [];
  });
}

function readNetwork(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return undefined;
  }
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

/** By a mount that is gone at once: the machine's own stay as they are. */
function traceInstances(): string[] {
  const script = 'mount -t tracefs none /mnt && ls /mnt/instances';
  return spawnSync('unshare', ['--mount', 'sh', '-c', script], { encoding: 'utf8' }).stdout.split('\n');
}

const AGENT = /main\.js agent|node -e/;
const WATCHDOG = /remote\/watchdog-process\.cjs/;

describe('changes are undone', () => {
  it('on both machines when ssh is cut during the hold, and the result gives the reason', async (context) => {
    needRoot(context, 'sshd');
    const program = await holding('fin-wait-1', '--client', 'ssh:a', '--server', 'ssh:b');
    await untilRules(machines.b, 'set');
    const [ssh] = program
      .offspring()
      .filter((pid) => / b( |$)/.test(commandLine(pid)) && /^ssh /.test(commandLine(pid)));
    expect(ssh).toBeDefined();
    process.kill(ssh as number, 'SIGKILL');
    const { status, stderr } = await program.ended;
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: expect.stringMatching(/lost the connection to ssh:b/),
    });
    await untilRules(machines.b, 'gone', 10_000);
    await eventually(
      'the agents to be gone',
      () => processes(machines.a, AGENT).length + processes(machines.b, AGENT).length === 0,
    );
  });

  it('when the agent is killed', async () => {
    const program = await holding('fin-wait-1');
    await untilRules(machines.b, 'set');
    for (const pid of processes(machines.b, AGENT)) process.kill(pid, 'SIGKILL');
    expect(await program.ended).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/lost the connection to pid:/),
    });
    await untilRules(machines.b, 'gone', 10_000);
    await eventually('its watchdog to be gone', () => processes(machines.b, WATCHDOG).length === 0);
  });

  it('when the agent hangs, within ten seconds, and it does not go on later; one that hears nothing ends before', async () => {
    inside(machines.b, 'sysctl -qw net.ipv4.tcp_syncookies=0');
    const program = await holding('syn-flood', '--allow-sysctl');
    const watchdogs = processes(machines.a, WATCHDOG);
    for (const pid of [program.pid, ...watchdogs, ...processes(machines.b, AGENT)])
      process.kill(pid, 'SIGSTOP');
    const startMs = performance.now();
    const isPutBack = () => inside(machines.b, 'sysctl -n net.ipv4.tcp_syncookies').trim() === '0';
    const ends = [
      untilRules(machines.a, 'gone', 12_000),
      eventually('the sysctl as it was', isPutBack, 12_000),
    ].map(async (end) => {
      await end;
      return performance.now() - startMs;
    });
    const [deaf = 0, hung = 0] = await Promise.all(ends);
    expect(deaf).toBeLessThan(hung);
    await eventually('the agent to be gone', () => processes(machines.b, AGENT).length === 0);
    for (const pid of [...watchdogs, program.pid]) process.kill(pid, 'SIGCONT');
    expect((await program.ended).status).toBe(1);
    inside(machines.b, 'sysctl -qw net.ipv4.tcp_syncookies=1');
  });

  it('when tcplab itself is killed, and sysctls are put back', async () => {
    inside(machines.b, 'sysctl -qw net.ipv4.tcp_syncookies=0');
    const program = await holding('syn-flood', '--allow-sysctl');
    expect(inside(machines.b, 'sysctl -n net.ipv4.tcp_syncookies').trim()).toBe('1');
    program.kill('SIGKILL');
    await program.ended;
    await eventually(
      'the sysctl as it was',
      () => inside(machines.b, 'sysctl -n net.ipv4.tcp_syncookies').trim() === '0',
    );
    await untilRules(machines.a, 'gone');
    inside(machines.b, 'sysctl -qw net.ipv4.tcp_syncookies=1');
  });

  it('when somebody flushed the ruleset in between, sysctls as well', async () => {
    inside(machines.b, 'sysctl -qw net.ipv4.tcp_syncookies=0');
    const program = await holding('syn-flood', '--allow-sysctl');
    inside(machines.b, 'nft flush ruleset');
    program.kill('SIGINT');
    await program.ended;
    expect(inside(machines.b, 'sysctl -n net.ipv4.tcp_syncookies').trim()).toBe('0');
    expect(processes(machines.b, WATCHDOG)).toEqual([]);
    inside(machines.b, 'sysctl -qw net.ipv4.tcp_syncookies=1');
  });

  it('when somebody removed one rule of iptables, the others', async () => {
    const program = await holding('fin-wait-1', '--firewall', 'iptables');
    await untilRules(machines.b, 'set');
    const [rule] = /(?<=^-A ).*--comment "?tcplab.*$/m.exec(inside(machines.b, 'iptables-save')) ?? [];
    inside(machines.b, `iptables -D ${rule}`);
    expect(inside(machines.b, 'iptables-save')).toMatch(/NFLOG/);
    program.kill('SIGINT');
    await program.ended;
    expect(inside(machines.b, 'iptables-save')).not.toMatch(/NFLOG/);
  });

  it.each(['SIGTERM', 'SIGHUP'] as const)('when the agent gets %s, by itself', async (signal) => {
    const program = await holding('fin-wait-1');
    await untilRules(machines.b, 'set');
    const watchdogs = processes(machines.b, WATCHDOG);
    for (const pid of watchdogs) process.kill(pid, 'SIGSTOP');
    for (const pid of processes(machines.b, AGENT)) process.kill(pid, signal);
    await untilRules(machines.b, 'gone', 5000);
    for (const pid of watchdogs) process.kill(pid, 'SIGCONT');
    expect((await program.ended).status).toBe(1);
  });

  it('when its watchdog is killed: no agent goes on without one', async () => {
    const program = await holding('fin-wait-1');
    await untilRules(machines.b, 'set');
    for (const pid of processes(machines.b, WATCHDOG)) process.kill(pid, 'SIGKILL');
    await untilRules(machines.b, 'gone', 5000);
    await eventually('the agent to be gone', () => processes(machines.b, AGENT).length === 0);
    expect((await program.ended).status).toBe(1);
  });

  it('with its trace instance, where there is no BPF', async (context) => {
    needRoot(context, 'to see tracefs');
    process.env['TCPLAB_KERNEL_EVENTS'] = 'tracefs';
    const program = await holding('fin-wait-1').finally(() => delete process.env['TCPLAB_KERNEL_EVENTS']);
    const agents = processes(machines.b, AGENT);
    const there = () =>
      traceInstances().filter((name) => agents.includes(Number(/^tcplab-\d+-(\d+)-/.exec(name)?.[1])));
    expect(there()).toHaveLength(1);
    for (const pid of agents) process.kill(pid, 'SIGKILL');
    await program.ended;
    await eventually('the instance to be gone', () => there().length === 0, 5000);
  });

  it('with a daemon that threw its environment away', async () => {
    const server = join(import.meta.dirname, 'programs/server.mjs');
    const daemon = `env -i setsid -f sleep 77777; exec ${process.execPath} ${server} leak 8081`;
    const program = machines.start(
      ...['hold', 'close-wait', '--client', machines.places.client, '--server', machines.places.server],
      ...['--server', daemon, '--port', '8081'],
    );
    await program.until(/CLOSE-WAIT/);
    expect(processes(machines.b, /sleep 77777/)).not.toEqual([]);
    program.kill('SIGINT');
    await program.ended;
    expect(processes(machines.b, /sleep 77777/)).toEqual([]);
  });

  it('with a command that was run there, when its time is over', async () => {
    const { client, server } = machines.places;
    const { status } = await machines.tcplab(
      ...[
        'hold',
        'established',
        '--client',
        client,
        '--server',
        `exec:setsid nsenter --net=/proc/${server.slice(4)}/ns/net`,
      ],
      ...['--on', 'server', '--for', '300ms', '--', 'sleep', '54321'],
    );
    expect(status).not.toBe(0);
    await eventually('the command to be gone', () => processes(machines.b, /sleep 54321/).length === 0);
  });

  it('with the programs that ran there', async () => {
    const server = join(import.meta.dirname, 'programs/server.mjs');
    const program = machines.start(
      ...['hold', 'close-wait', '--client', machines.places.client, '--server', machines.places.server],
      ...['--server', `${process.execPath} ${server} leak 8081`, '--port', '8081'],
    );
    await program.until(/CLOSE-WAIT/);
    expect(processes(machines.b, /server\.mjs leak/)).not.toEqual([]);
    for (const pid of processes(machines.b, AGENT)) process.kill(pid, 'SIGKILL');
    await program.ended;
    await eventually('the program to be gone', () => processes(machines.b, /server\.mjs leak/).length === 0);
  });
});

describe('tcplab clean', () => {
  it('shows the leftovers of a killed agent and watchdog, and undoes them', async () => {
    inside(machines.b, 'sysctl -qw net.ipv4.tcp_syncookies=0');
    const program = await holding('syn-flood', '--allow-sysctl');
    for (const machine of [machines.a, machines.b]) {
      // An agent without its watchdog ends, and puts everything back.
      for (const pid of processes(machine, AGENT)) process.kill(pid, 'SIGSTOP');
      for (const pid of processes(machine, WATCHDOG)) process.kill(pid, 'SIGKILL');
      for (const pid of processes(machine, AGENT)) process.kill(pid, 'SIGKILL');
    }
    await program.ended;
    expect(rulesOf(machines.a)).toMatch(/^table inet tcplab_\d+_\d+_\d+_1$/);
    const { client, server } = machines.places;
    const shown = await machines.tcplab('clean', client, '--dry-run');
    expect(shown.stdout).toMatch(/^nft delete table inet tcplab_\d+_\d+_\d+_1\n/);
    expect(rulesOf(machines.a)).not.toBe('');
    expect((await machines.tcplab('clean', client)).stdout).toMatch(/undone on pid:/);
    const cleaned = await machines.tcplab('clean', server);
    expect(cleaned.stdout).toMatch(/^sysctl -w net\.ipv4\.tcp_syncookies='0'$/m);
    expect(inside(machines.b, 'sysctl -n net.ipv4.tcp_syncookies').trim()).toBe('0');
    expect(rulesOf(machines.a) + rulesOf(machines.b)).toBe('');
    for (const place of [client, server]) {
      expect(await machines.tcplab('clean', place)).toMatchObject({
        status: 0,
        stdout: `nothing of tcplab is left on ${place}\n`,
      });
    }
    inside(machines.b, 'sysctl -qw net.ipv4.tcp_syncookies=1');
  });

  it('removes the journal of a network that is no more', async () => {
    const gone = new Program(['unshare', '--net', 'sh', '-c', 'echo ready && exec sleep 100000']);
    await gone.until(/ready/);
    const folder = join(machines.folder, 'run');
    mkdirSync(folder, { recursive: true });
    // With what is in them: a failure shows whose they are.
    const there = () =>
      readdirSync(folder).map((name) => `${name}: ${readFileSync(join(folder, name), 'utf8')}`);
    const script = join(machines.folder, 'with-own-run.sh');
    writeFileSync(
      script,
      `mount -t tmpfs none /run && mkdir /run/tcplab && mount --bind ${folder} /run/tcplab || exit 1\nexec "$@"\n`,
    );
    const at = (machine: Program) =>
      `exec:unshare --mount sh ${script} nsenter --net=/proc/${machine.pid}/ns/net`;
    const agent = `const { JournalWriter } = await import('${REPOSITORY}/build/remote/journal.js'); new JournalWriter()`;
    const [program = '', ...args] = enter(gone, ['unshare', '--mount', 'sh', script]);
    spawnSync(program, [...args, process.execPath, '--input-type=module', '-e', agent]);
    expect(there()).toHaveLength(1);
    const clean = () => machines.tcplab('clean', at(machines.b));
    expect((await clean()).stdout).toMatch(/^nothing of tcplab is left/);
    gone.kill('SIGKILL');
    await gone.ended;
    // Networks have numbers, and another test's lab may have got that of the one that is gone, for a while.
    const removed = /^rm \/run\/tcplab\/tcplab_\d+_\d+_\d+\.ndjson\n1 undone on/;
    await eventually('it to be removed', async () => removed.test((await clean()).stdout), 60_000);
    expect(there()).toEqual([]);
  });

  it('leaves alone what belongs to an agent that lives', async () => {
    const program = await holding('fin-wait-1');
    await untilRules(machines.b, 'set');
    const { stdout } = await machines.tcplab('clean', machines.places.server);
    expect(stdout).toBe(`nothing of tcplab is left on ${machines.places.server}\n`);
    expect(rulesOf(machines.b)).not.toBe('');
    program.kill('SIGINT');
    expect((await program.ended).status).toBe(0);
    expect(rulesOf(machines.b)).toBe('');
  });
});

describe('an agent rejects the unknown call', () => {
  it.each(['host 1 open', 'openSocket', 'host 1 dispose', 'constructor'])('%s', async (call) => {
    const agent = spawn(TCPLAB[0] as string, [...TCPLAB.slice(1), 'agent'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    agent.stdin.end(`{"id":1,"call":"${call}","args":[]}\n`);
    let said = '';
    for await (const text of agent.stdout.setEncoding('utf8')) said += text;
    const [, answer] = said
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    expect(answer).toEqual({
      id: 1,
      error: { code: 'USAGE', message: `unknown call '${call}'` },
    });
  });
});

describe('an agent that can’t start is reported in one message', () => {
  const isIn = (machine: Program) => `nsenter --net=/proc/${machine.pid}/ns/net`;

  /** What stands on stderr, and how it ended. */
  async function refused(server: string): Promise<{ status: number; stderr: string }> {
    const { client } = machines.places;
    const { status, stderr, stdout } = await machines.tcplab(
      'run',
      'listen',
      '--client',
      client,
      '--server',
      server,
    );
    expect(stdout).toBe('');
    expect(stderr).not.toMatch(/\n {4}at /);
    await eventually(
      'no agent',
      () => processes(machines.a, AGENT).length + processes(machines.b, AGENT).length === 0,
    );
    return { status, stderr };
  }

  it.each([
    ['a password is asked for', 'ssh:nokey', /ssh could not log in without a password/],
    ['the host key is not known', 'ssh:stranger', /ssh does not know its host key/],
    ['there is no such host', 'ssh:no.such.host.invalid', /its host name does not resolve/],
  ])('%s', async (_title, place, says) => {
    if (!IS_ROOT) return;
    expect(await refused(place)).toEqual({ status: 3, stderr: expect.stringMatching(says) });
  });

  it('there is no Node.js', async () => {
    const folder = join(machines.folder, 'bin');
    mkdirSync(folder, { recursive: true });
    symlinkSync('/bin/sh', join(folder, 'sh'));
    expect(await refused(`exec:${isIn(machines.b)} env PATH=${folder}`)).toEqual({
      status: 3,
      stderr: expect.stringMatching(/Node\.js is not installed there\n.*install Node\.js/),
    });
  });

  it('its disk is full, and nothing of what was copied is left there', async () => {
    const full = join(machines.folder, 'full');
    mkdirSync(full, { recursive: true });
    const script = join(machines.folder, 'on-full-disk.sh');
    writeFileSync(
      script,
      `mount -t tmpfs -o size=300k none ${full} || exit 1\nTMPDIR=${full} "$@"\nls -A ${full} >&2\n`,
    );
    const { status, stderr } = await refused(`exec:unshare --mount sh ${script} ${isIn(machines.b)}`);
    expect({ status, stderr }).toEqual({ status: 3, stderr: expect.stringMatching(/its disk is full/) });
    expect(stderr).not.toMatch(/tcplab-agent-\w+\n/);
  });

  it('it is of another version', async () => {
    const fake = join(machines.folder, 'fake.sh');
    const greeting =
      '{"tcplab":"tcplab.agent/99","version":"9.9.9","machine":{},"privilege":"root","network":"x"}';
    writeFileSync(fake, `echo 'Welcome to a machine'\necho '${greeting}'\nexec cat >/dev/null\n`);
    expect(await refused(`exec:sh ${fake}`)).toEqual({
      status: 1,
      stderr: expect.stringMatching(
        /uses tcplab\.agent\/99, and this tcplab uses tcplab\.agent\/2\n.*tcplab 9\.9\.9 runs there/,
      ),
    });
  });

  it('its Node.js is too old', async () => {
    const fake = join(machines.folder, 'old.sh');
    writeFileSync(
      fake,
      `echo '{"loader":{"platform":"linux","arch":"x64","libc":"glibc","node":"18.20.4","installed":false}}'\nexec cat >/dev/null\n`,
    );
    expect(await refused(`exec:sh ${fake}`)).toEqual({
      status: 3,
      stderr: expect.stringMatching(/Node\.js 18\.20\.4 on exec:.* is too old for tcplab\n.*\^20\.19/s),
    });
  });

  it('client and server are one and the same', async () => {
    expect(await refused(machines.places.client)).toEqual({
      status: 2,
      stderr: expect.stringMatching(/are the same host/),
    });
  });

  it('the one does not reach the other', async () => {
    inside(machines.b, 'ip link set eth7 down');
    try {
      expect(await refused(machines.places.server)).toEqual({
        status: 3,
        stderr: expect.stringMatching(/cannot reach pid:\d+ over IPv4/),
      });
    } finally {
      inside(machines.b, 'ip link set eth7 up');
      inside(machines.b, 'ip address replace fd77::2/64 dev eth7 nodad');
      await Promise.all([machines.a, machines.b].map(untilUp));
    }
  });
});

describe('a machine that can do less lowers what is claimed, not its truth', () => {
  const server = (how: string) => `exec:nsenter --net=/proc/${machines.b.pid}/ns/net ${how}`;

  async function results(how: string, ...scenarios: string[]) {
    const { client } = machines.places;
    const { stdout } = await machines.tcplab(
      'run',
      '--json',
      '--client',
      client,
      '--server',
      server(how),
      ...scenarios,
    );
    return (JSON.parse(stdout) as RunReport).results;
  }

  it('without nftables its rules are those of iptables', async () => {
    const library = '$(ldconfig -p | sed -n "s/.*libnftables.so.1 .*=> //p")';
    const without = join(machines.folder, 'without-nft.sh');
    writeFileSync(without, `for path in ${library}; do mount --bind /dev/null "$path"; done\nexec "$@"\n`);
    const [result] = await results(`unshare --mount sh ${without}`, 'fin-wait-1');
    expect(result).toMatchObject({ verdict: 'proven', hosts: { server: { firewall: 'iptables' } } });
    expect(rulesOf(machines.b)).toBe('');
  });

  it('without root nothing is proven there, and the message names what is missing', async (context) => {
    needRoot(context, 'to become an ordinary user');
    const nobody = 'setpriv --reuid 65534 --regid 65534 --clear-groups --';
    const [fin, close] = await results(nobody, 'close-wait', 'fin-wait-1');
    expect(close).toMatchObject({
      verdict: 'unproven',
      hosts: {
        server: {
          firewall: null,
          noPackets: expect.stringMatching(/EPERM/),
          noKernelEvents: 'kernel events need root',
        },
      },
      witnesses: { socketTable: { agrees: true }, packets: { agrees: null }, kernelEvents: { agrees: null } },
    });
    // What was sent there may have arrived or not: nobody saw it.
    const fates = close?.segments.filter(({ host }) => host === 'client').map(({ fate }) => fate);
    expect(new Set(fates)).toEqual(new Set(['unseen']));
    expect(fin).toMatchObject({
      verdict: 'unproven',
      because: expect.stringMatching(/cannot set a rule on/),
    });
  });
});

it('nothing of an agent stays in the folder for temporary files', () => {
  expect(readdirSync(tmpdir()).filter((name) => name.startsWith('tcplab-agent-'))).toEqual([]);
});
