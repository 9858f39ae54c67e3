import { chmodSync, existsSync, symlinkSync, writeFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import type { HostName } from '../src/evidence/events.ts';
import { passages } from '../src/evidence/segments.ts';
import type { Timeline } from '../src/evidence/timeline.ts';
import { Iptables } from '../src/kernel/iptables.ts';
import { NetworkNamespace } from '../src/kernel/namespace.ts';
import type { Ability } from '../src/lab/abilities.ts';
import type { Host } from '../src/lab/host.ts';
import { Lab, type LabOptions } from '../src/lab/lab.ts';
import { FATES, type Fate, type Rule } from '../src/lab/rule.ts';
import { resultOf, ruleReports } from '../src/report/story/result.ts';
import type { RunReport } from '../src/report/story/run-report.ts';
import { CATALOGUE } from '../src/scenario/catalogue.ts';
import { runScenario } from '../src/scenario/run.ts';
import { Turn } from '../src/scenario/turn.ts';
import type { Endpoint } from '../src/tcp/endpoint.ts';
import {
  expectProven,
  inTime,
  resultsIn,
  run,
  TCPLAB,
  tcplab,
  tcplabAsOrdinaryUser,
  temporaryFolder,
} from './cli.ts';

const LEGACY = '/usr/sbin/xtables-legacy-multi';

const WAYS = (['nft', 'iptables'] as const).flatMap((firewall) =>
  (['ipv4', 'ipv6'] as const).map(
    (family): Required<Pick<LabOptions, 'family' | 'firewall'>> => ({ firewall, family }),
  ),
);

describe.each(WAYS)('every scenario with $firewall and $family', (way) => {
  const all = once(() => runAll(way));

  it('is proven', async () => {
    const results = (await all()).map(resultOf);
    expect(results.map(({ scenario }) => scenario)).toEqual(CATALOGUE.map(({ id }) => id));
    expectProven(results);
  });

  it('has each rule tell of as many segments as it has counted', async () => {
    const sums = (await all()).flatMap(dropsAndCounts);
    expect(sums).toEqual(sums.map((sum) => ({ ...sum, counted: sum.dropped })));
    expect(sums.filter(({ counted }) => counted > 0).length).toBeGreaterThan(10);
  });

  it('has no segment lost that no rule dropped', async () => {
    for (const timeline of await all()) {
      const claim = timeline.of('claimed')[0];
      const fates = claim ? passages(timeline, claim.connection).map(({ fate }) => fate) : [];
      expect(fates).not.toContain('lost');
    }
  });
});

describe('as an ordinary user', () => {
  const command = once(tcplabAsOrdinaryUser);

  it.each(WAYS)(
    'every scenario is proven with --firewall $firewall, $family',
    async ({ firewall, family }) => {
      const options = ['--firewall', firewall, ...(family === 'ipv6' ? ['--ipv6'] : [])];
      // As it is for many a user: without the folders that hold iptables.
      const environment = { PATH: '/usr/bin:/bin' };
      const words = [...command(), 'run', '--json', ...options];
      const { status, stdout, stderr } = await inTime(() => run(words, environment), resultsIn);
      expect({ status: stdout ? 0 : status, stderr }).toEqual({ status: 0, stderr: '' });
      const { machine, results } = JSON.parse(stdout) as RunReport;
      expectProven(results);
      expect({ status, privilege: machine.privilege }).toEqual({ status: 0, privilege: 'user-namespace' });
      expect(results).toHaveLength(CATALOGUE.length);
    },
  );
});

describe.each(WAYS)('a rule, with $firewall and $family', (way) => {
  const errnos: Record<Fate, string | null> = {
    drop: null,
    'reject with RST': 'ECONNREFUSED',
    'reject with port unreachable': 'ECONNREFUSED',
    'reject with host unreachable': 'EHOSTUNREACH',
    // net/ipv4/icmp.c, icmp_err_convert; net/ipv6/icmp.c, tab_unreach.
    'reject with administratively prohibited': way.family === 'ipv6' ? 'EACCES' : 'EHOSTUNREACH',
  };

  it('does to a SYN that comes in what it says', async () => {
    await using lab = await Lab.open(way);
    await listening(lab);
    expect(await lab.client.holdBack()).toBe(true);
    const openings = [];
    for (const fate of FATES) {
      const client = lab.nextClientEndpoint();
      const rule = await lab.server.setRule({ hook: 'in', sourcePort: client.port, fate });
      openings.push({ fate, rule, socket: await connect(lab, client) });
    }
    await lab.client.release();
    for (const { fate, rule, socket } of openings) {
      if (errnos[fate]) await lab.waitFor(`${fate} to be felt`, () => isGone(lab, lab.client, rule));
      expect([fate, await lab.client.takeError(socket)]).toEqual([fate, errnos[fate]]);
    }
    await lab.server.count();
    expect(dropsAndCounts(lab.timeline)).toEqual(
      openings.map(({ rule }) => ({ rule, host: 'server', dropped: 1, counted: 1 })),
    );
  });

  it.each(FATES)('keeps a SYN from leaving: %s', async (fate) => {
    await using lab = await Lab.open(way);
    await listening(lab);
    // Its own RST leaves the host as well, to the host itself.
    await lab.client.setRule({ hook: 'out', destinationPort: 80, fate });
    await connect(lab, lab.nextClientEndpoint());
    await lab.client.count();
    await lab.server.observe();
    const counts = dropsAndCounts(lab.timeline);
    expect(counts).toEqual([{ rule: 1, host: 'client', dropped: 1, counted: 1 }]);
    expect(lab.timeline.of('captured').filter(({ host }) => host === 'server')).toEqual([]);
  });

  it.each<[what: string, rule: (client: Endpoint) => Partial<Rule>, meets: string[]]>([
    ['nothing', () => ({}), ['S', '.']],
    ['a source port', ({ port }) => ({ sourcePort: port }), ['S', '.']],
    ['another source port', ({ port }) => ({ sourcePort: port + 1 }), []],
    ['a destination port', () => ({ destinationPort: 80 }), ['S', '.']],
    ['another destination port', () => ({ destinationPort: 81 }), []],
    ['SYN', () => ({ flags: 'S' }), ['S']],
    ['ACK', () => ({ flags: '.' }), ['.']],
    ['SYN and ACK', () => ({ flags: 'S.' }), []],
  ])('that names %s meets what fits it, and only that', async (_, named, meets) => {
    await using lab = await Lab.open(way);
    await listening(lab);
    const client = lab.nextClientEndpoint();
    await lab.server.setRule({ hook: 'in', fate: 'drop', ...named(client) });
    for (const flags of ['S', '.']) {
      const numbers = { seq: 1, ack: flags === '.' ? 1 : null, window: 0 };
      await lab.client.sendSegment({ source: client, destination: lab.serverEndpoint(), flags, ...numbers });
    }
    await lab.waitFor('both to arrive', async () => {
      await lab.server.observe();
      const arrived = lab.timeline
        .of('captured')
        .filter(({ host, direction }) => host === 'server' && direction === 'received');
      return arrived.length >= 2;
    });
    await lab.server.count();
    const dropped = lab.timeline.of('dropped').map(({ wire }) => wire.kind === 'tcp' && wire.segment.flags);
    expect(dropped).toEqual(meets);
    expect(ruleReports(lab.timeline)[0]?.packets).toBe(meets.length);
  });

  const headers = way.family === 'ipv6' ? 60 : 40;

  it.each<[what: string, rule: Partial<Rule>, meets: number[]]>([
    ['a length', { length: headers }, [100, 9]],
    ['lengths', { length: { first: headers + 20, last: headers + 30 } }, [5000]],
    ['another length', { length: headers + 21 }, []],
    ['a window', { window: 5000 }, [5000]],
    ['windows', { window: { first: 9, last: 100 } }, [100, 9]],
    ['another window', { window: 101 }, []],
    ['ECE', { flags: 'E' }, [9]],
    ['CWR', { flags: 'W' }, [9]],
    ['ACK and ECE', { flags: '.E' }, [9]],
    ['SYN and ECE', { flags: 'SE' }, []],
    ['an ECN field that all have', { ecn: 'not-ect' }, [100, 5000, 9]],
    ['a window, a length, flags and ECN', { window: 9, length: headers, flags: 'EW.', ecn: 'not-ect' }, [9]],
    ['a window and a length of two segments', { window: 9, length: headers + 20 }, []],
  ])('that names %s meets what fits it, and only that', async (_, named, meets) => {
    await using lab = await Lab.open(way);
    await listening(lab);
    const ends = { source: lab.nextClientEndpoint(), destination: lab.serverEndpoint(), seq: 1 };
    await lab.server.setRule({ hook: 'in', fate: 'drop', ...named });
    await lab.client.sendSegment({ ...ends, flags: 'S', ack: null, window: 100 });
    await lab.client.sendSegment({ ...ends, flags: '.', ack: 1, window: 5000, payload: Buffer.alloc(20) });
    await lab.client.sendSegment({ ...ends, flags: '.EW', ack: 1, window: 9 });
    await lab.waitFor('all to arrive', async () => {
      await lab.server.observe();
      const received = ({ host, direction }: { host: string; direction: string }) =>
        host === 'server' && direction === 'received';
      return lab.timeline.of('captured').filter(received).length >= 3;
    });
    await lab.server.count();
    const dropped = lab.timeline.of('dropped').map(({ wire }) => wire.kind === 'tcp' && wire.segment.window);
    expect(dropped).toEqual(meets);
    expect(ruleReports(lab.timeline)[0]?.packets).toBe(meets.length);
  });

  it.each<[what: string, rule: Partial<Rule>, meets: string[]]>([
    ['data that may be marked', { ecn: 'ect0' }, ['P.']],
    ['data that are marked', { ecn: 'ce' }, []],
    ['the first segment of a connection', { tracked: 'new' }, ['SEW']],
    ['those after it', { tracked: 'established' }, ['.', 'P.']],
    ['what belongs to no connection', { tracked: 'invalid' }, []],
  ])('meets of a real connection with ECN %s', async (_, named, meets) => {
    await using lab = await Lab.open({
      ...way,
      sysctls: { client: { tcp_ecn: 1, tcp_syn_retries: 1 }, server: { tcp_ecn: 1 } },
    });
    const listener = await listening(lab);
    await lab.server.setRule({ hook: 'in', destinationPort: 80, fate: 'drop', ...named });
    const socket = await connect(lab, lab.nextClientEndpoint());
    const [client] = await lab.client.observe();
    if (client?.state === 'ESTABLISHED') await lab.client.send(socket, Buffer.from('data'));
    if (meets.length === 0) await lab.waitFor('a connection', () => lab.server.accept(listener));
    await lab.server.count();
    const dropped = lab.timeline.of('dropped').map(({ wire }) => wire.kind === 'tcp' && wire.segment.flags);
    // What was dropped is retransmitted at times of the kernel's own.
    expect([...new Set(dropped)]).toEqual(meets);
  });

  it('decides before later rules; after its removal it keeps its count, and the next equal rule decides', async () => {
    await using lab = await Lab.open(way);
    await listening(lab);
    const rule: Rule = { hook: 'in', destinationPort: 80, fate: 'drop' };
    const [first, second] = [await lab.server.setRule(rule), await lab.server.setRule(rule)];
    await connect(lab, lab.nextClientEndpoint());
    await connect(lab, lab.nextClientEndpoint());
    await lab.server.liftRule(first);
    await connect(lab, lab.nextClientEndpoint());
    await lab.server.liftRule(second);
    const accepted = lab.nextClientEndpoint();
    await connect(lab, accepted);
    await lab.server.count();
    expect(lab.timeline.of('dropped').map(({ rule }) => rule)).toEqual([first, first, second]);
    expect(ruleReports(lab.timeline).map(({ packets }) => packets)).toEqual([2, 1]);
    const { server } = await lab.observe();
    expect(server.filter(({ state }) => state !== 'LISTEN').map(({ remote }) => remote)).toEqual([accepted]);
    await expect(lab.server.liftRule(first)).rejects.toThrow('no rule');
  });
});

describe.each(['ipv4', 'ipv6'] as const)('the command to set a rule manually, %s', (family) => {
  it.each(FATES)('makes the rule that tcplab sets: %s', async (fate) => {
    await using lab = await Lab.open({ firewall: 'iptables', family });
    const more = { length: 52, window: { first: 1, last: 2 }, ecn: 'ce', tracked: 'new' } as const;
    for (const hook of ['in', 'out'] as const) {
      await lab.server.setRule({ hook, sourcePort: 1, destinationPort: 2, flags: 'S.E', ...more, fate });
    }
    for (const { iptables } of lab.timeline.of('rule-set')) await output(lab.client, iptables);
    const save = `${family === 'ipv6' ? 'ip6tables' : 'iptables'}-save | grep ^-A | grep -v NFLOG`;
    const byTcplab = (await output(lab.server, save)).replaceAll(/ -m comment --comment "tcplab \d+"/g, '');
    expect(byTcplab.trim().split('\n')).toHaveLength(2);
    expect(await output(lab.client, save)).toBe(byTcplab);
  });
});

it('a rule that refuses a crafted segment drops what no socket has sent', async () => {
  await using lab = await Lab.open();
  const connection = { client: lab.nextClientEndpoint(), server: lab.serverEndpoint() };
  const number = await lab.client.setRule({ hook: 'out', flags: 'F', fate: 'drop' });
  const segment = { flags: 'F.', seq: 1, ack: 1, window: 1000 };
  const { client: source, server: destination } = connection;
  await expect(lab.client.sendSegment({ source, destination, ...segment })).rejects.toThrow(/EPERM/);
  await lab.observe();
  expect(passages(lab.timeline, connection)).toMatchObject([
    { origin: 'crafted', fate: { dropped: { rule: number } } },
  ]);
});

describe('iptables', () => {
  it.each([[[]], [['--count', '3']]])('sets the rules of hold as well: %j', async (more) => {
    const options = ['--firewall', 'iptables', '--on', 'server', ...more];
    const { status, stdout } = await tcplab(
      'hold',
      'fin-wait-1',
      ...options,
      '--',
      'iptables',
      '-S',
      'INPUT',
    );
    expect(status).toBe(0);
    expect(stdout).toMatch(/^-A INPUT -p tcp .*--comment "?tcplab \d"? -j DROP$/m);
  });

  it('of the old kind does the same, and leaves no lock file', async (context) => {
    if (!existsSync(LEGACY)) context.skip('this machine has no iptables-legacy');
    const folder = temporaryFolder();
    for (const name of ['iptables', 'ip6tables']) {
      for (const command of ['restore', 'save']) symlinkSync(LEGACY, `${folder}/${name}-${command}`);
    }
    const lockedBefore = existsSync('/run/xtables.lock');
    await withPath(`${folder}:${process.env['PATH']}`, async () => {
      for (const family of ['ipv4', 'ipv6'] as const) {
        const timelines = await runAll({ firewall: 'iptables', family });
        expectProven(timelines.map(resultOf));
        expect(timelines).toHaveLength(CATALOGUE.length);
        for (const { dropped, counted } of timelines.flatMap(dropsAndCounts)) expect(dropped).toBe(counted);
      }
      // It was the old kind indeed: the other shows no table.
      await using lab = await Lab.open({ firewall: 'iptables' });
      await lab.server.setRule({ hook: 'in', fate: 'drop' });
      expect(await output(lab.server, 'nft list ruleset')).not.toContain('80');
      expect(await output(lab.server, 'cat /proc/net/ip_tables_names')).toContain('filter');
    });
    expect(existsSync('/run/xtables.lock')).toBe(lockedBefore);
  });

  it('that is not there is missed at once, with what installs it', async () => {
    const hide = 'for d in /usr/sbin /usr/local/sbin; do mount -t tmpfs none $d; done; exec "$@"';
    const hidden = ['unshare', '--mount', 'sh', '-c', hide, 'sh', ...TCPLAB];
    const environment = { PATH: '/usr/bin:/bin' };
    const outcome = await run([...hidden, 'run', 'listen', '--firewall', 'iptables', '--ipv6'], environment);
    expect(outcome).toEqual({ status: 3, stdout: '', stderr: expect.any(String) });
    expect(outcome.stderr).toContain('tcplab: ip6tables-restore is not installed\n');
    expect(outcome.stderr).toContain('apt-get install iptables');
    const doctor = await run([...hidden, 'doctor', '--json'], environment);
    const { works, abilities } = JSON.parse(doctor.stdout) as { works: boolean; abilities: Ability[] };
    expect({ status: doctor.status, works }).toEqual({ status: 0, works: true });
    const missing = abilities
      .filter(({ name }) => name.includes('tables'))
      .map(({ name, works }) => [name, works]);
    expect(missing).toEqual([
      ['nftables', true],
      ['iptables', false],
      ['ip6tables', false],
    ]);
  });

  it.each([
    [
      'iptables-restore v1.8.9 (nf_tables): \nline 2: RULE_APPEND failed (No such file or directory): rule in chain INPUT',
      'line 2: RULE_APPEND failed (No such file or directory): rule in chain INPUT',
    ],
    ['iptables-restore: line 2 failed', 'line 2 failed'],
    [
      "iptables-restore v1.8.9 (legacy): Couldn't load target `NFLOG':No such file or directory\n\nError occurred at line: 2\nTry `iptables-restore -h' or 'iptables-restore --help' for more information.",
      "Couldn't load target `NFLOG':No such file or directory",
    ],
  ])('that fails is quoted', async (says, quoted) => {
    const folder = temporaryFolder();
    writeFileSync(`${folder}/said`, `${says}\n`);
    for (const command of ['restore', 'save']) {
      writeFileSync(`${folder}/iptables-${command}`, `#!/bin/sh\ncat ${folder}/said >&2; exit 1\n`);
      chmodSync(`${folder}/iptables-${command}`, 0o755);
    }
    await withPath(`${folder}:${process.env['PATH']}`, async () => {
      await using lab = await Lab.open({ firewall: 'iptables' });
      const setting = lab.server.setRule({ hook: 'in', destinationPort: 80, fate: 'drop' });
      await expect(setting).rejects.toMatchObject({ code: 'MACHINE', syscall: 'iptables-restore' });
      await expect(setting).rejects.toThrow(`failed: ${quoted}`);
      await expect(setting).rejects.toThrow('-A INPUT -p tcp --dport 80');
    });
  });

  it('is changed all or not at all', () => {
    const namespace = NetworkNamespace.create();
    try {
      namespace.enter(() => {
        const iptables = new Iptables('ipv4');
        expect(() => iptables.change(['-A INPUT -p tcp -j DROP', '-A INPUT -j NOSUCH'])).toThrow('NOSUCH');
        expect(iptables.list()).toEqual([]);
        iptables.change(['-A INPUT -p tcp -j DROP']);
        expect(iptables.list()).toEqual([{ text: '-A INPUT -p tcp -j DROP', packets: 0 }]);
      });
    } finally {
      namespace.close();
    }
  });
});

function runAll(way: LabOptions): Promise<Timeline[]> {
  return inTime(
    () => runEach(way),
    (timelines) => timelines.map(resultOf),
  );
}

function runEach(way: LabOptions): Promise<Timeline[]> {
  const turn = new Turn();
  return Promise.all(CATALOGUE.map((scenario) => runScenario(scenario, { ...way, turn })));
}

interface Sum {
  rule: number;
  host: HostName;
  dropped: number;
  counted: number;
}

/** For each rule the segments that it has told of, and those that it has counted. */
/** So long iptables-save takes on a busy machine, to say what it has read. */
const READING_MS = 100;

/** What a rule drops while its counter is read, or later, may be counted or not: then `dropped` is what was counted. */
function dropsAndCounts(timeline: Timeline): Sum[] {
  return timeline.of('rule-set').map(({ rule, host }) => {
    const count = timeline.of('rule-counted').findLast((one) => one.rule === rule);
    const drops = timeline.of('dropped').filter((drop) => drop.rule === rule);
    const late = drops.filter(({ atMs }) => count && atMs > count.atMs - READING_MS).length;
    const counted = count?.packets ?? -1;
    const least = drops.length - late;
    return { rule, host, dropped: Math.min(drops.length, Math.max(least, counted)), counted };
  });
}

async function listening(lab: Lab): Promise<number> {
  const listener = await lab.server.openSocket();
  await lab.server.bind(listener, lab.serverEndpoint());
  await lab.server.listen(listener, 5);
  return listener;
}

async function connect(lab: Lab, client: Endpoint): Promise<number> {
  const socket = await lab.client.openSocket();
  await lab.client.bind(socket, client);
  await lab.client.connect(socket, lab.serverEndpoint());
  return socket;
}

/** Whether the client's end that a rule met has ended. */
async function isGone(lab: Lab, host: Host, rule: number): Promise<boolean> {
  const rows = await host.observe();
  await lab.server.observe();
  const met = lab.timeline.of('dropped').find((drop) => drop.rule === rule);
  const port = met?.wire.kind === 'tcp' ? met.wire.segment.source.port : undefined;
  return port !== undefined && !rows.some(({ local, state }) => local.port === port && state !== 'CLOSED');
}

async function output(host: Host, command: string): Promise<string> {
  const child = await host.spawn('sh', ['-c', command], { stdio: ['ignore', 'pipe', 'inherit'] });
  return child.stdout ? text(child.stdout) : '';
}

async function withPath(path: string, work: () => Promise<void>): Promise<void> {
  const before = process.env['PATH'];
  process.env['PATH'] = path;
  try {
    await work();
  } finally {
    process.env['PATH'] = before;
  }
}

/** Makes it when it is first asked for, and then gives the same. */
function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
