import { execFileSync, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  allLiving,
  eventually,
  IS_ROOT,
  needRoot,
  Program,
  run,
  TCPLAB,
  tcplab,
  temporaryFolder,
} from './cli.ts';

/**
 * The machine's own network is the same before and after, whatever ends tcplab. Other tests run beside these: all that
 * is compared is of the home namespace, which none of them may change, or is known to be ours.
 */

function start(...args: string[]): Program {
  return new Program([...TCPLAB, ...args]);
}

// Fifty runs take their time on a busy machine.
describe('as root', { timeout: 300_000 }, () => {
  let before: Snapshot;
  beforeAll(() => {
    if (IS_ROOT) before = snapshot();
  });

  it('a run leaves the machine as it was', async (context) => {
    needRoot(context, 'all of the machine can only be seen by root');
    const program = start('run');
    expect((await program.ended).status).toBe(0);
    await expectUntouched(before);
    expect(instancesOf([program.pid])).toEqual([]);
  });

  it.for([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('%s during a run leaves the machine as it was', async ([signal, status], context) => {
    needRoot(context, 'all of the machine can only be seen by root');
    const program = start('run', '--hold', '1h');
    await eventually('labs', () => namespacesOf(program.pid).length > 2);
    program.kill(signal);
    expect(await program.ended).toEqual({ status, stdout: '', stderr: '' });
    expect(instancesOf([program.pid])).toEqual([]);
    await expectUntouched(before);
  });

  it('SIGINT at 12 random moments leaves not even a trace instance', async (context) => {
    needRoot(context, 'trace instances are only root’s');
    const { killed, whole } = await endedAtRandomMoments(12, 'SIGINT', ['run']);
    for (const { status, stderr } of [...killed, ...whole]) {
      expect(stderr).toBe('');
      // One that was ending anyway ends well.
      expect([0, 130]).toContain(status);
    }
    expect(killed).toHaveLength(12);
    expect(instancesOf(killed.map(({ pid }) => pid))).toEqual([]);
    await expectUntouched(before);
  });

  it('SIGKILL at 50 random moments leaves nothing', async (context) => {
    needRoot(context, 'trace instances are only root’s');
    const { killed } = await endedAtRandomMoments(50, 'SIGKILL', ['run']);
    expect(killed).toHaveLength(50);
    expect(instancesOf(killed.map(({ pid }) => pid))).toEqual([]);
    await expectUntouched(before);
  });

  it('a lab takes none of the neighbours that the kernel keeps for all namespaces together', async (context) => {
    needRoot(context, 'the table’s counter is only root’s');
    // arp(7): permanent entries do not count towards gc_thresh3.
    for (const family of ['-4', '-6']) {
      const neighbours = 'ip -o $0 neighbour show nud all | grep -v -e PERMANENT -e NOARP; exit 0';
      for (const args of [['--ipv6'], []]) {
        const { status, stdout } = await tcplab(
          ...['hold', 'established', ...args, '--on', 'client', '--', 'sh', '-c', neighbours, family],
        );
        expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
      }
    }
  });

  it('no packet of a lab is seen on the machine’s own interfaces', async (context) => {
    needRoot(context, 'packets of all interfaces are shown to root only');
    if (isInUse('192.168.2.')) context.skip('this machine itself is in 192.168.2.0/24');
    // ARP included (pcap-filter(7), net). A packet of our own at the end shows that the capture worked.
    const lab = 'net 192.168.2.0/24 or net fd00:2::/64';
    const tcpdump = new Program([
      'tcpdump',
      '-n',
      '-l',
      '-i',
      'any',
      `${lab} or (udp and dst host 127.9.9.9)`,
    ]);
    await tcpdump.until(/listening on/, 'stderr');
    const runs = await Promise.all([tcplab('run'), tcplab('run', '--ipv6')]);
    expect(runs.map(({ status }) => status)).toEqual([0, 0]);
    await sendTo('127.9.9.9');
    await tcpdump.until(/127\.9\.9\.9/);
    tcpdump.kill('SIGINT');
    const { stdout } = await tcpdump.ended;
    expect(stdout.split('\n').filter((line) => line && !line.includes('127.9.9.9'))).toEqual([]);
  });
});

/**
 * No list on the machine shows leaked namespaces, but the kernel counts them. With a limit just above the need of one run,
 * repeated runs succeed only if each releases its namespaces.
 */
describe('in a user namespace that may have 64 network namespaces', () => {
  const QUOTA = 64;
  // 60 namespaces. Orphaned sockets that retransmit a FIN keep theirs until they time out.
  const orphans = ['run', 'fin-wait-1', 'closing', 'last-ack', '--repeat', '10', '--jobs', '30'];
  const others = ['run', 'listen', 'syn-sent', 'established', '--repeat', '10', '--jobs', '30'];

  it('there is room for one run at a time', async () => {
    // Not two side by side: which of them is quicker, nobody knows.
    const held =
      'tcplab "$@" --hold 1h & until [ "$(readlink /proc/$!/fd/* | grep ^net: | sort -u | wc -l)" -ge 60 ]; do kill -0 $! || exit 9; done';
    const beside = await inQuota(QUOTA, `${held}; tcplab "$@"; mine=$?; kill $!; exit $mine`, orphans);
    expect(beside.status).toBe(3);
    expect(beside.stdout + beside.stderr).toMatch(/unshare .*ENOSPC/);
  });

  it('what a run took is soon free again', async () => {
    const again = 'tcplab "$@" && for try in 1 2 3 4 5 6 7 8; do tcplab "$@" && exit; sleep 1; done; exit 9';
    expect(await inQuota(QUOTA, again, orphans)).toMatchObject({ status: 0 });
  });

  it('what was held when SIGKILL came is soon free again', async () => {
    const killed = 'timeout -s KILL 0.7 tcplab "$@" --hold 1h; timeout -s KILL 0.5 tcplab "$@" --hold 1h';
    const again = 'for try in 1 2 3 4 5 6 7 8; do tcplab "$@" && exit; sleep 1; done; exit 9';
    expect(await inQuota(QUOTA, `${killed}; ${again}`, others)).toMatchObject({ status: 0 });
  });
});

/** Runs a shell script, with `tcplab` as a command. */
function inQuota(quota: number, script: string, args: string[]): ReturnType<typeof run> {
  const folder = temporaryFolder();
  const command = join(folder, 'tcplab');
  writeFileSync(command, `#!/bin/sh\nexec ${TCPLAB.map((word) => `'${word}'`).join(' ')} "$@"\n`, {
    mode: 0o755,
  });
  const limited = `echo ${quota} >/proc/sys/user/max_net_namespaces && export PATH=${folder}:$PATH || exit\n${script}`;
  return run([
    'unshare',
    '--user',
    '--map-root-user',
    '--net',
    '--mount',
    'sh',
    '-c',
    limited,
    'sh',
    ...args,
  ]);
}

interface Ended {
  pid: number;
  status: number;
  stderr: string;
}

/** Runs of tcplab, three at a time, each ended by a signal at a moment of its own; some are over by then. */
async function endedAtRandomMoments(
  count: number,
  signal: NodeJS.Signals,
  line: readonly string[],
): Promise<{ killed: Ended[]; whole: Ended[] }> {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 32));
  const random = randomFrom(seed);
  // All of a run is to be hit, however long one takes beside others on this machine, which may change.
  let spanMs = Math.max(...(await Promise.all([1, 2, 3].map(() => timed(start(...line).ended)))));
  console.log(`${count} × ${signal} within ${spanMs.toFixed(0)} ms of the start, SEED=${seed}`);
  const [killed, whole]: [Ended[], Ended[]] = [[], []];
  let left = count;
  const worker = async () => {
    while (left > 0) {
      left--;
      const program = start(...line);
      const startMs = performance.now();
      // The moment is the point: nothing is waited for here.
      await Promise.race([program.ended, pause(random() * spanMs)]);
      const isOver = program.child.exitCode !== null;
      if (isOver) spanMs = performance.now() - startMs;
      program.kill(signal);
      const { status, stderr } = await program.ended;
      (isOver ? whole : killed).push({ pid: program.pid, status, stderr });
      // Instead of one that was quicker.
      if (isOver) left++;
    }
  };
  await Promise.all([worker(), worker(), worker()]);
  return { killed, whole };
}

async function timed(work: Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work;
  return performance.now() - startMs;
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

type Snapshot = Record<string, string>;

const COMMANDS = [
  'nft list ruleset',
  'ip -d link',
  'ip addr',
  'ip netns',
  'ip rule',
  'ip route show table all',
  'ip -6 route show table all',
];

/** The machine's network, as its own tools tell it. */
function snapshot(): Snapshot {
  const said = COMMANDS.map((command) => [command, withoutLifetimes(outputOf(command))]);
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8');
  return { ...Object.fromEntries(said), ...sysctls('/proc/sys/net'), mounts };
}

function outputOf(command: string): string {
  const [program = '', ...args] = command.split(' ');
  return execFileSync(program, args, { encoding: 'utf8' });
}

/** Addresses and routes that a router has given count down. */
function withoutLifetimes(text: string): string {
  return text.replaceAll(/\b(valid_lft|preferred_lft|expires) \d+sec/g, '$1');
}

/** The current number of connections is a counter, not a setting. */
const COUNTERS = ['/proc/sys/net/netfilter/nf_conntrack_count'];

function sysctls(folder: string): Snapshot {
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  return Object.fromEntries(
    files.filter((file) => !COUNTERS.includes(file)).map((file) => [file, contentOf(file)]),
  );
}

/** Some can only be written, or have no value yet. */
function contentOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    return `${(error as NodeJS.ErrnoException).code}`;
  }
}

async function expectUntouched(before: Snapshot): Promise<void> {
  await eventually('the end of all that was started', () => allLiving().length === 0);
  expect(snapshot()).toEqual(before);
}

/** The network namespaces that a process holds and is not in. */
function namespacesOf(pid: number): string[] {
  try {
    const links = readdirSync(`/proc/${pid}/fd`).map((fd) => linkOf(`/proc/${pid}/fd/${fd}`));
    const home = linkOf('/proc/self/ns/net');
    return [...new Set(links)].filter((link) => link.startsWith('net:') && link !== home);
  } catch {
    return [];
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

/** The trace instances that these processes have made, seen through a mount that only this look has. */
function instancesOf(pids: number[]): string[] {
  const list = 'mount -t tracefs tracefs /mnt && ls /mnt/instances';
  const { stdout, stderr, status } = spawnSync('unshare', ['--mount', 'sh', '-c', list], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`no tracefs: ${stderr}`);
  return stdout.split('\n').filter((name) => pids.includes(Number(/^tcplab-\d+-(\d+)-/.exec(name)?.[1])));
}

function isInUse(prefix: string): boolean {
  return Object.values(networkInterfaces()).some((all) =>
    all?.some(({ address }) => address.startsWith(prefix)),
  );
}

/** One datagram, to an address of the loopback. */
function sendTo(address: string): Promise<void> {
  const socket = createSocket('udp4');
  return new Promise((resolve, reject) => {
    socket.send('x', 9, address, (error) => {
      socket.close();
      if (error) reject(error);
      else resolve();
    });
  });
}
