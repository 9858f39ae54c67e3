import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { AsyncDisposableStack } from '../src/kernel/disposable-stack.ts';
import { eventually, IS_ROOT, needRoot, Program, run, TCPLAB, tcplabAsOrdinaryUser } from './cli.ts';
import { isListening, OpenLab } from './open-lab.ts';

const networkOfMachine = () => [
  readFileSync('/proc/net/dev', 'utf8').split('\n').length,
  readFileSync('/etc/hosts', 'utf8'),
];

describe.each([
  ['as root', false],
  ['as an ordinary user', true],
] as const)('a lab for hands, %s', (_, isOrdinary) => {
  const open = (context: { skip: (why: string) => void }, ...options: string[]) => {
    needRoot(
      context as Parameters<typeof needRoot>[0],
      isOrdinary ? 'to become an ordinary user' : 'to be it',
    );
    return new OpenLab(isOrdinary ? tcplabAsOrdinaryUser() : TCPLAB, ...options);
  };

  it('says how to get in, and both hosts reach each other by name', async (context) => {
    await using lab = open(context);
    await lab.program.until(/Ctrl-C ends it/);
    expect(lab.program.stdout).toContain(`tcplab enter client --lab ${lab.name}`);
    await using stack = new AsyncDisposableStack();
    const server = new Program(lab.command('server', 'nc', '-l', '-p', '5000'));
    stack.defer(async () => server.kill('SIGKILL'));
    await eventually('nc listens', isListening(lab, 5000));
    const client = await lab.inside(
      'client',
      'echo hello | nc -N server 5000; echo $TCPLAB_HOST $TCPLAB_CLIENT',
    );
    expect(client).toMatchObject({ status: 0, stdout: 'client 192.168.2.10\n' });
    expect(await server.ended).toMatchObject({ status: 0, stdout: 'hello\n' });
  });

  it('has the tools of the trade: rules, sysctls, addresses and captures are of the host alone', async (context) => {
    await using lab = open(context);
    await lab.program.until(/Ctrl-C ends it/);
    const before = networkOfMachine();
    const tools = await lab.inside(
      'server',
      `set -e
      iptables -A INPUT -p tcp --dport 99 -j DROP; iptables -S INPUT | tail -1
      nft add table inet mine; nft list tables | tail -1
      sysctl -w net.ipv4.tcp_fin_timeout=7; cat /proc/sys/net/ipv4/tcp_fin_timeout
      ip -br -4 address show eth0; ls /sys/class/net; netstat -tn | head -1`,
    );
    expect(tools.stdout).toMatch(
      /^-A INPUT .*-j DROP\ntable inet mine\nnet.ipv4.tcp_fin_timeout = 7\n7\neth0/,
    );
    expect(tools.stdout).toMatch(/192\.168\.2\.11\/24.*\neth0\nlo\nActive Internet/s);
    expect(tools.status).toBe(0);
    const other = await lab.inside('client', 'iptables -S INPUT; cat /proc/sys/net/ipv4/tcp_fin_timeout');
    expect(other.stdout).toBe('-P INPUT ACCEPT\n60\n');
    const capture = new Program(lab.command('server', 'tcpdump', '-nni', 'any', '-c', '1', 'tcp'));
    await capture.until(/listening on/, 'stderr');
    await lab.inside('client', 'nc -z server 81');
    expect((await capture.ended).stdout).toMatch(/192\.168\.2\.10\.\d+ > 192\.168\.2\.11\.81: Flags \[S\]/);
    expect(networkOfMachine()).toEqual(before);
  });

  it('refuses `ip netns` in words, and leaves nothing of it', async (context) => {
    await using lab = open(context);
    await lab.program.until(/Ctrl-C ends it/);
    const there = () => (existsSync('/run/netns') ? readdirSync('/run/netns') : []);
    const before = there();
    const refused = await lab.inside('client', 'ip -4 netns add left');
    expect(refused).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('would leave files on the machine'),
    });
    expect(there()).toEqual(before);
  });

  it('hides nothing of the machine where no usual folder is empty', async (context) => {
    needRoot(context, 'to fill those folders, in a mount namespace');
    await using lab = open(context);
    await lab.program.until(/Ctrl-C ends it/);
    const folders = '/srv /media /mnt /opt /var/opt /var/local /usr/local/src';
    const fill = `for one in ${folders}; do [ -d $one ] || continue; mount -t tmpfs full $one; touch $one/kept; done`;
    const look = `for one in ${folders}; do [ ! -d $one ] || ls $one/kept; done; getent hosts server`;
    const command = lab.command('client', 'sh', '-c', look);
    const inside = await run(['unshare', '--mount', 'sh', '-ec', `${fill}; exec "$@"`, 'sh', ...command]);
    expect(inside).toMatchObject({ status: 0, stderr: '' });
    expect(inside.stdout).toMatch(/\/opt\/kept\n.*192\.168\.2\.11 +server/s);
  });

  it('lets ping through', async (context) => {
    await using lab = open(context);
    await lab.program.until(/Ctrl-C ends it/);
    const ping = await lab.inside('client', 'ping -c 1 -W 5 server');
    expect(ping).toMatchObject({ status: 0, stdout: expect.stringContaining('1 received') });
  });

  it('shows in the prompt of a shell which host it is', async (context) => {
    await using lab = open(context);
    await lab.program.until(/Ctrl-C ends it/);
    const shell = ['env', 'SHELL=/bin/bash', 'HOME=/nowhere', ...lab.command('server')];
    const quoted = shell.map((word) => `'${word}'`).join(' ');
    const typed = await run(['sh', '-c', `printf 'exit\\n' | script -qec "$0" /dev/null`, quoted]);
    expect(typed.stdout).toContain('(server) ');
    expect(typed.stdout).toContain(`server of lab ${lab.name}`);
  });

  it('lets a shell read commands from a pipe, and says nothing of its own', async (context) => {
    await using lab = open(context);
    await lab.program.until(/Ctrl-C ends it/);
    const piped = await run(['sh', '-c', `echo 'echo $TCPLAB_HOST' | "$@"`, 'sh', ...lab.command('server')]);
    expect(piped).toEqual({ status: 0, stdout: 'server\n', stderr: '' });
  });

  it('ends with Ctrl-C; what is inside keeps its host, without the wire', async (context) => {
    const lab = open(context);
    await lab.program.until(/Ctrl-C ends it/);
    const inside = new Program(
      lab.command(
        'server',
        'sh',
        '-c',
        'echo in; while grep -q eth0 /proc/net/dev; do sleep 0.05; done; cat /proc/net/dev',
      ),
    );
    await inside.until(/in/);
    lab.program.kill('SIGINT');
    expect(await lab.program.ended).toMatchObject({ status: 0, stderr: '' });
    const { status, stdout } = await inside.ended;
    expect({ status, hasLoopback: stdout.includes('lo:') }).toEqual({ status: 0, hasLoopback: true });
    expect(stdout).not.toContain('eth0');
  });

  it('leaves nothing when it is killed with shells inside, but these', async (context) => {
    const lab = open(context);
    await lab.program.until(/Ctrl-C ends it/);
    const before = networkOfMachine();
    const sleepers = Array.from(
      { length: 5 },
      (_, index) => new Program(lab.command(index % 2 ? 'client' : 'server', 'sleep', '600')),
    );
    await eventually('five programs inside', () =>
      sleepers.every(({ pid }) => readFileSync(`/proc/${pid}/comm`, 'utf8') === 'sleep\n'),
    );
    lab.program.kill('SIGKILL');
    await lab.program.ended;
    expect(lab.program.offspring()).toEqual([]);
    expect(networkOfMachine()).toEqual(before);
    expect(await lab.inside('client', 'true')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('no lab'),
    });
    for (const sleeper of sleepers) sleeper.kill('SIGTERM');
    for (const { ended } of sleepers) expect(await ended).toMatchObject({ status: 143 });
    expect(readFileSync('/proc/mounts', 'utf8')).not.toContain('tcplab');
  });
});

describe('the labs that are open', () => {
  it('are listed, and a hold is one of them', async () => {
    const hold = new Program([...TCPLAB, 'hold', 'close-wait']);
    const listed = async () =>
      JSON.parse((await run([...TCPLAB, 'lab', '--list', '--json'])).stdout) as {
        name: string;
        pid: number;
      }[];
    await eventually('the hold', async () => (await listed()).some(({ pid }) => pid === hold.pid));
    await hold.until(/Ctrl-C|CLOSE-WAIT/);
    const table = await run([...TCPLAB, 'enter', 'server', '--lab', String(hold.pid), '--', 'ss', '-tan']);
    expect(table.stdout).toContain('CLOSE-WAIT');
    hold.kill('SIGINT');
    await hold.ended;
    expect((await listed()).some(({ pid }) => pid === hold.pid)).toBe(false);
  });

  it.each([
    [['lab', 'no such name'], /'no such name' can't be the name of a lab/],
    [['lab', '--json'], /--json requires --list/],
    [['enter', 'middle'], /client, server/],
    [['enter', 'client', '--lab', 'nobody-has-this'], /no lab/],
  ])('%j is refused', async (args, says) => {
    const { status, stderr } = await run([...TCPLAB, ...args]);
    expect(status).toBe(2);
    expect(stderr).toMatch(says);
  });

  it('have different names', async () => {
    await using lab = new OpenLab(TCPLAB);
    await lab.program.until(/Ctrl-C ends it/);
    // Of another user namespace it can't tell.
    if (!IS_ROOT) return;
    const again = await run([...TCPLAB, 'lab', lab.name]);
    expect(again).toMatchObject({ status: 2, stderr: expect.stringContaining('is open already') });
  });
});
