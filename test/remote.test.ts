import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ScenarioResult } from '../src/report/story/result.ts';
import type { RunReport } from '../src/report/story/run-report.ts';
import type { CheckReport } from '../src/report/terminal/check-report.ts';
import type { PairsReport } from '../src/report/terminal/pairs-report.ts';
import { assertState, createLab } from '../src/testing/index.ts';
import { IS_ROOT, inTime, needRoot, REPOSITORY, resultsIn, run, TCPLAB, tcplabHere } from './cli.ts';
import { enter, inside, rulesOf, TwoMachines } from './two-machines.ts';

/** Remote hosts: two machines of the test's own, reached by ssh, by a command, by a process in them. */

let machines: TwoMachines;
let places: string[];

beforeAll(async () => {
  machines = await TwoMachines.create();
  if (IS_ROOT) await machines.startSshd();
  places = ['--client', machines.places.client, '--server', machines.places.server];
});

afterAll(() => machines?.end());

const BY_SSH = ['--client', 'ssh:a', '--server', 'ssh:b'];

async function results(...args: string[]): Promise<ScenarioResult[]> {
  const outcome = await inTime(() => machines.tcplab('run', '--json', ...args), resultsIn);
  expect(outcome.stderr).toBe('');
  return resultsIn(outcome);
}

describe('through two real sshd', () => {
  it('every scenario is proven, by the witnesses that prove it here', async (context) => {
    needRoot(context, 'sshd');
    inside(machines.b, 'sysctl -qw net.ipv4.tcp_syncookies=0');
    const there = await results(...BY_SSH, '--allow-sysctl');
    const here = resultsIn(await inTime(() => tcplabHere('run', '--json'), resultsIn));
    const said = ({ scenario, verdict, state, host, peer, witnesses }: ScenarioResult) => ({
      ...{ scenario, verdict, state, host, peer: peer.state },
      agree: Object.entries(witnesses).map(([name, { agrees }]) => [name, agrees]),
    });
    expect(there.map(said)).toEqual(here.map(said));
    expect(there.map(({ verdict }) => verdict)).toEqual(there.map(() => 'proven'));
    // What was changed for a while is as it was, and nothing else is left.
    expect(inside(machines.b, 'sysctl -n net.ipv4.tcp_syncookies').trim()).toBe('0');
    inside(machines.b, 'sysctl -qw net.ipv4.tcp_syncookies=1');
    expect(rulesOf(machines.a) + rulesOf(machines.b)).toBe('');
  });

  it('a command runs in a host, beside the agent', async (context) => {
    needRoot(context, 'sshd');
    const { status, stdout } = await machines.start(
      ...['hold', 'close-wait', ...BY_SSH, '--on', 'server', '--', 'ss', '-Htan', 'state', 'close-wait'],
    ).ended;
    expect({ status, lines: stdout.trim().split('\n').length }).toEqual({ status: 0, lines: 1 });
    expect(stdout).toMatch(/10\.77\.0\.2:\d+ +10\.77\.0\.1:\d+/);
  });

  it('no rule is set that would meet the very connection of ssh, nor anything else that is there', async (context) => {
    needRoot(context, 'sshd');
    // From a itself, so that the connection to b comes from the lab's client.
    const command = [...TCPLAB, 'run', 'syn-received-simultaneous-open', '--json', '--port', '22'];
    const { stdout } = await run(
      enter(machines.a, [...command, '--client', 'local', '--server', 'ssh:direct']),
      machines.environment,
    );
    const [result] = (JSON.parse(stdout) as RunReport).results;
    expect(result?.verdict).toBe('unproven');
    expect(result?.because).toMatch(/^port 22 is in use at the machine of the (client|server) \(.*\)$/);
    expect(rulesOf(machines.a) + rulesOf(machines.b)).toBe('');
  });

  it('any number of shells may be in between', async (context) => {
    needRoot(context, 'sshd');
    const [result] = await results(
      '--client',
      `exec:${machines.environment['TCPLAB_SSH']} a env A=1`,
      '--server',
      'ssh:b',
      'close-wait',
    );
    expect(result?.verdict).toBe('proven');
  });
});

describe('clocks that are three seconds apart', () => {
  const ahead = () => `exec:env TCPLAB_CLOCK_AHEAD_MS=3000 nsenter --net=/proc/${machines.a.pid}/ns/net`;

  it('are reported, and no segment arrives before it was sent', async () => {
    const all = await results('--client', ahead(), '--server', machines.places.server, '--hold', '300ms');
    const clocks = all.flatMap(({ hosts }) => (hosts ? [hosts.client.clock, hosts.server.clock] : []));
    expect(clocks.length).toBeGreaterThan(40);
    for (const [index, { aheadMs, errorMs }] of clocks.entries()) {
      expect(Math.abs(aheadMs - (index % 2 === 0 ? 3000 : 0))).toBeLessThan(errorMs + 1);
    }
    const segments = all.flatMap((result) => result.segments);
    const delivered = segments.filter(({ receivedAtMs }) => receivedAtMs !== null);
    expect(delivered.length).toBeGreaterThan(50);
    for (const { atMs, receivedAtMs } of delivered) expect(receivedAtMs).toBeGreaterThan(atMs);
    // By its own stamps each would be three seconds off.
    for (const { atMs, receivedAtMs } of delivered) expect(receivedAtMs).toBeLessThan(atMs + 1000);
    for (const { scenario, verdict, because } of all) {
      const needsSysctl = scenario === 'syn-flood' || scenario === 'established-fast-open';
      const expected = needsSysctl
        ? ['unproven', expect.stringMatching(/^net\.ipv4\.tcp_\w+ would have to be changed/)]
        : ['proven', null];
      expect([scenario, verdict, because]).toEqual([scenario, ...expected]);
    }
  });
});

describe('a machine that others use', () => {
  it('keeps its own rules, its sysctls, and whatever was not the lab’s', async () => {
    inside(
      machines.b,
      'nft add table inet mine; nft add chain inet mine c; nft add rule inet mine c tcp dport 1 drop',
    );
    const look = () =>
      inside(machines.b, 'nft list ruleset; sysctl -a -r ^net.ipv4.tcp 2>/dev/null; ip addr; ip route');
    const before = look();
    const all = await results(...places, 'fin-wait-1', 'syn-flood', 'closed-rejected-rst');
    expect(look()).toBe(before);
    inside(machines.b, 'nft delete table inet mine');
    const flood = all.find(({ scenario }) => scenario === 'syn-flood');
    expect(flood).toMatchObject({
      verdict: 'unproven',
      because: expect.stringMatching(/tcp_syncookies would have to be changed/),
    });
  });

  it('has rules for the peer and the lab’s port alone, by nftables or iptables', async () => {
    for (const [firewall, pattern] of [
      ['nft', /^nft add rule inet tcplab input ip saddr 10\.77\.0\.1 tcp dport (\d+) counter drop$/],
      ['iptables', /^iptables -A INPUT -p tcp -s 10\.77\.0\.1 --dport (\d+) -j DROP$/],
    ] as const) {
      const [result] = await results(...places, 'fin-wait-1', '--firewall', firewall);
      expect(result).toMatchObject({ verdict: 'proven', hosts: { server: { firewall } } });
      expect(result?.rules[0]?.[firewall]).toMatch(pattern);
      expect(result?.rules[0]?.packets).toBeGreaterThan(0);
    }
    expect(rulesOf(machines.b)).toBe('');
  });

  it('speaks IPv6', async () => {
    const [result] = await results(...places, 'last-ack', '--ipv6');
    expect(result?.verdict).toBe('proven');
    expect(result?.connection?.server).toMatch(/^\[fd77::2\]:\d+$/);
  });
});

describe('other commands', () => {
  it('a saved timeline is replayed, with where its hosts were', async () => {
    const file = join(machines.folder, 'run.ndjson');
    const ran = await machines.tcplab('run', 'closing', ...places, '--ladder', '--timeline', file);
    expect(ran.stdout).toMatch(
      /^client pid:\d+: Linux .*, rules set with nft, clock .*\s+(ahead|behind) \(± /m,
    );
    expect(await tcplabHere('replay', file, '--ladder')).toEqual(ran);
  });

  it('arcs are driven between such hosts, and nothing is left unexplained', async () => {
    const { stdout } = await machines.tcplab('arcs', '--json', ...places, '--allow-sysctl');
    const { arcs, unexplained } = JSON.parse(stdout) as {
      arcs: { number: number; verdict: string; because?: string }[];
      unexplained: unknown[];
    };
    expect(arcs.filter(({ verdict }) => verdict !== 'proven').map(({ number }) => number)).toEqual([41]);
    expect(unexplained).toEqual([]);
  });

  it('a program is checked there', async () => {
    const server = join(import.meta.dirname, 'programs/server.mjs');
    const { stdout } = await machines.tcplab(
      ...['check', 'server', ...places, '--port', '8080', '--within', '20s', '--json'],
      ...['--request', 'hello\\n', '--expect', 'hello'],
      ...['--only', 'serves', 'many-connections', 'keeps-time-wait'],
      ...['--', process.execPath, server, 'echo', '8080'],
    );
    const { probes, options } = JSON.parse(stdout) as CheckReport;
    // Side by side, the copies of the program would take each other's port.
    expect(options.jobs).toBe(1);
    const said = probes.map(({ id, says }) => `${id}: ${says}`).join('; ');
    const verdicts = probes.map(({ id, verdict }) => `${id} ${verdict}`);
    expect(verdicts, said).toEqual(['serves good', 'many-connections good', 'keeps-time-wait good']);
  });

  it('the test library takes them', async () => {
    await using lab = await createLab({ places: machines.places });
    const connection = await lab.connected();
    await connection.client.close();
    await assertState(connection, 'CLOSE-WAIT', { on: 'server' });
  });
});

describe('many pairs', () => {
  const errorsOf = (report: unknown) => {
    const [run, pairs] = ['run', 'pairs'].map((name) =>
      JSON.parse(readFileSync(join(REPOSITORY, `schema/${name}.schema.json`), 'utf8')),
    );
    const ajv = new Ajv2020({
      strict: true,
      allErrors: true,
      formats: { 'date-time': true },
      schemas: [run],
    });
    const validate = ajv.compile(pairs);
    return validate(report) ? [] : validate.errors;
  };

  const write = (text: string) => {
    const path = join(machines.folder, 'pairs.yaml');
    writeFileSync(path, text);
    return path;
  };

  it('are run at once, twenty of them, from one process', async () => {
    const { client, server } = machines.places;
    const pairs = Array.from({ length: 20 }, (_, index) =>
      index % 2 === 0
        ? `- { name: "${index}", client: "${client}", server: "${server}" }`
        : `- { name: "${index}", client: "${server}", server: "${client}" }`,
    );
    const { status, stdout } = await machines.tcplab(
      ...['run', '--json', '--pairs', write(pairs.join('\n')), 'established', 'fin-wait-1', 'close-wait'],
    );
    const report = JSON.parse(stdout) as PairsReport;
    expect(errorsOf(report)).toEqual([]);
    const verdicts = report.pairs.flatMap(({ results }) => results.map(({ verdict }) => verdict));
    expect({ status, verdicts }).toEqual({ status: 0, verdicts: Array.from({ length: 60 }, () => 'proven') });
    expect(report.differences).toEqual([]);
    expect(rulesOf(machines.a) + rulesOf(machines.b)).toBe('');
  }, 180_000);

  it('that can’t be reached do not keep the others', async () => {
    const { client, server } = machines.places;
    const good = `- { name: good, client: "${client}", server: "${server}" }`;
    const bad = `- { name: bad, client: "${client}", server: "exec:false" }`;
    const { status, stdout } = await machines.tcplab(
      ...['run', 'established', '--pairs', write(`${good}\n${bad}`)],
    );
    expect(status).toBe(1);
    expect(stdout).toMatch(/^1 of 1 proven {5}good\n/m);
    expect(stdout).toMatch(/^unreachable {7}bad\n/m);
    expect(stdout).toMatch(/1 of 2 pairs proven/);
  });
});
