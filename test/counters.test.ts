import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { type Connection, endOf } from '../src/evidence/connection.ts';
import type { HostName } from '../src/evidence/events.ts';
import type { Timeline } from '../src/evidence/timeline.ts';
import { type Unreached, unreached } from '../src/evidence/unreached.ts';
import { stateInTable } from '../src/evidence/witness/socket-table.ts';
import { Lab } from '../src/lab/lab.ts';
import { resultOf } from '../src/report/story/result.ts';
import { CATALOGUE, findScenarios } from '../src/scenario/catalogue.ts';
import { runScenario } from '../src/scenario/run.ts';
import type { Scenario } from '../src/scenario/scenario.ts';
import { Turn } from '../src/scenario/turn.ts';
import type { Family } from '../src/tcp/endpoint.ts';

const FAMILIES = ['ipv4', 'ipv6'] as const;

describe.each(FAMILIES)('counters explain segments that reached no socket, %s', (family) => {
  it.each<[id: string, notes: string[]]>([
    [
      'accept-queue-full',
      ["the server's accept queue was full: its kernel dropped 1 SYN (TcpExtListenOverflows +1)"],
    ],
    [
      'syn-flood',
      [
        'the client has no socket for 5 SYN-ACKs: its kernel replied with RST (TcpOutRsts +5)',
        "the server's SYN queue was full: its kernel dropped 6 SYNs (TcpExtTCPReqQFullDrop +6)",
      ],
    ],
    ['closed-refused', ['the server has no socket for 1 SYN: its kernel replied with RST (TcpOutRsts +1)']],
    // The firewall answers, not the host: nothing has reached that.
    ['closed-rejected-rst', []],
    ['syn-sent', []],
    ['established', []],
    ['fin-wait-1', []],
    ['time-wait', []],
  ])('%s', async (id, notes) => {
    const timeline = await runScenario(scenarioOf(id), { family, holdMs: 20 });
    const result = resultOf(timeline);
    expect(result.notes.filter((note) => /queue|no socket|no connection/.test(note))).toEqual(notes);
    for (const host of ['client', 'server'] as const) {
      expect(result.counters[host]).toEqual(
        timeline.of('counted').find((all) => all.host === host)?.counters,
      );
    }
  });

  it('count each retransmitted SYN that a full accept queue drops', async () => {
    const timeline = await runScenario(scenarioOf('accept-queue-full'), { family, holdMs: 1200 });
    const [told, ...more] = unreached(timeline) as [Unreached];
    const counters = { TcpExtListenOverflows: told.segments };
    expect(told).toEqual({
      host: 'server',
      what: 'SYN',
      segments: told.segments,
      why: 'accept queue full',
      counters,
    });
    expect(told.segments).toBeGreaterThanOrEqual(2);
    expect(more).toEqual([]);
  });

  it('a SYN to a full SYN queue whose next try gets a cookie', async () => {
    const timeline = await runScenario(scenarioOf('syn-flood'), { family, holdMs: 1200 });
    const { server } = resultOf(timeline).counters;
    expect(server).toMatchObject({ TcpExtTCPReqQFullDrop: 6, TcpExtTCPReqQFullDoCookies: 2 });
    expect(unreached(timeline)).toMatchObject([
      { host: 'client', what: 'SYN-ACK' },
      { what: 'SYN', segments: 6 },
    ]);
  });

  it('final ACKs that find the accept queue full, which it was not when the SYNs came', async () => {
    await using lab = await Lab.open({ family });
    const listener = await lab.server.openSocket();
    await lab.server.bind(listener, lab.serverEndpoint());
    // Room for two in each queue; one is in the accept queue already.
    await lab.server.listen(listener, 1);
    await connecting(lab);
    const rule = await lab.client.setRule({ hook: 'out', destinationPort: 80, flags: '.', fate: 'drop' });
    const connections = [await connecting(lab), await connecting(lab)];
    await lab.observe();
    await lab.client.liftRule(rule);
    // The SYN-ACKs come again, and in answer the final ACKs: the queue has room for one more.
    await lab.waitFor('one connection', async () => (await states(lab, connections)).includes('ESTABLISHED'));
    await lab.waitFor('the other’s ACK', async () => {
      await lab.server.count();
      return lab.timeline.of('counted').at(-1)?.counters['TcpExtListenOverflows'];
    });
    expect((await states(lab, connections)).toSorted()).toEqual(['ESTABLISHED', 'SYN-RECEIVED']);
    expect(unreached(lab.timeline)).toEqual([
      {
        host: 'server',
        what: 'final ACK',
        segments: 1,
        why: 'accept queue full',
        counters: { TcpExtListenOverflows: 1 },
      },
    ]);
  });

  it('of no scenario more than its counters say', async () => {
    for (const [id, timeline] of await runAll(family)) {
      const told = unreached(timeline);
      expect([id, told.filter(({ why }) => why === null)]).toEqual([id, []]);
      for (const { segments, counters } of told) {
        expect(Object.values(counters)[0]).toBeGreaterThanOrEqual(segments);
      }
    }
  });
});

describe('the counters of a host', () => {
  it('are those that nstat shows in it', async () => {
    await using lab = await Lab.open();
    await connecting(lab);
    await lab.observe();
    for (const host of ['client', 'server'] as const) {
      await lab.host(host).count();
      const nstat = await nstatIn(lab, host);
      const counted = lab.timeline.of('counted').findLast((event) => event.host === host)?.counters ?? {};
      const names = Object.keys(counted).filter((name) => /^Tcp/.test(name));
      expect(names.length).toBeGreaterThan(2);
      for (const name of names) expect([name, nstat[name]]).toEqual([name, counted[name]]);
    }
  });

  it('are only its own: what the machine counts is not among them', async () => {
    await using lab = await Lab.open();
    await lab.server.count();
    await connecting(lab);
    await lab.server.count();
    const [idle, busy] = lab.timeline.of('counted').map(({ counters }) => counters);
    expect(idle?.['TcpInSegs']).toBeUndefined();
    expect(busy).toMatchObject({ TcpInSegs: 1, TcpOutRsts: 1 });
  });

  it('fit what was seen: a host’s TCP was given what arrived and no rule kept from it', async () => {
    for (const [id, timeline] of await runAll('ipv4')) {
      for (const { host, counters } of timeline.of('counted')) {
        const arrived = timeline.of('captured').filter((event) => {
          return event.host === host && event.direction === 'received' && event.wire.kind === 'tcp';
        });
        const kept = timeline.of('dropped').filter((event) => event.host === host && event.hook === 'in');
        const given = [id, host, arrived.length - kept.length];
        expect([id, host, counters['TcpInSegs'] ?? 0]).toEqual(given);
      }
    }
  });
});

function scenarioOf(id: string): Scenario {
  return findScenarios(id)[0] as Scenario;
}

function runAll(family: Family): Promise<[id: string, timeline: Timeline][]> {
  const turn = new Turn();
  return Promise.all(
    CATALOGUE.map(async (scenario) => [
      scenario.id,
      await runScenario(scenario, { family, turn, holdMs: 10 }),
    ]),
  );
}

async function connecting(lab: Lab): Promise<Connection> {
  const connection = { client: lab.nextClientEndpoint(), server: lab.serverEndpoint() };
  const socket = await lab.client.openSocket();
  await lab.client.bind(socket, connection.client);
  await lab.client.connect(socket, connection.server);
  return connection;
}

async function states(lab: Lab, connections: Connection[]): Promise<string[]> {
  const { server } = await lab.observe();
  return connections.map((connection) => stateInTable(server, endOf(connection, 'server', 'ESTABLISHED')));
}

/** Absolute numbers (-a), all of them (-z), and no file with a history written (-s). */
async function nstatIn(lab: Lab, host: HostName): Promise<Record<string, number>> {
  const child = await lab.host(host).spawn('nstat', ['-asz'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const printed = child.stdout ? await text(child.stdout) : '';
  return Object.fromEntries(
    printed.split('\n').flatMap((line) => {
      const [name, value] = line.split(/\s+/);
      return name && value ? [[name, Number(value)]] : [];
    }),
  );
}
