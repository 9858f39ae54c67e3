import { beforeAll, describe, expect, it } from 'vitest';
import { type Connection, endOf, hostsOf } from '../src/evidence/connection.ts';
import { type Claimed, type HostName, otherHost } from '../src/evidence/events.ts';
import { inputsOf } from '../src/evidence/segments.ts';
import { Timeline } from '../src/evidence/timeline.ts';
import { stateHistoryOf, type Transition } from '../src/evidence/transitions.ts';
import { judge } from '../src/evidence/verdict.ts';
import { kernelChanges } from '../src/evidence/witness/kernel-events.ts';
import { stateInTable } from '../src/evidence/witness/socket-table.ts';
import { SERVER_PORT } from '../src/lab/addresses.ts';
import type { Rule } from '../src/lab/rule.ts';
import { resultOf } from '../src/report/story/result.ts';
import type { ArcReport, ArcsReport } from '../src/report/terminal/arcs-report.ts';
import { ARC_SCENARIOS, scenariosDriving } from '../src/scenario/arc-catalogue.ts';
import { type Drive, drives, judgeArc } from '../src/scenario/arcs.ts';
import { CATALOGUE } from '../src/scenario/catalogue.ts';
import { established, seen } from '../src/scenario/opening.ts';
import { runScenario } from '../src/scenario/run.ts';
import type { ArcScenario, Scenario } from '../src/scenario/scenario.ts';
import { Turn } from '../src/scenario/turn.ts';
import { ARCS } from '../src/tcp/arcs.ts';
import { formatEndpoint } from '../src/tcp/endpoint.ts';
import { foldEnd } from '../src/tcp/fold.ts';
import { seqAdd, sequenceNumber } from '../src/tcp/sequence.ts';
import type { State } from '../src/tcp/state.ts';
import { errorsOf, NUMBERS, parse, validate } from './arcs-schema.ts';
import { IS_ROOT, needRoot, type Outcome, run, TCPLAB, tcplabAsOrdinaryUser, tcplabHere } from './cli.ts';
import { instead, type Played, playWithout, unheard, type Withholding, without } from './withhold.ts';

/** Every transition is driven on purpose, is proven, and is not seen when its trigger is withheld. */

const EVERY = [...CATALOGUE, ...ARC_SCENARIOS];
const QUICK = EVERY.filter(({ slow }) => !slow);
const HOSTS = ['client', 'server'] as const;

/** Long enough for a machine that has much else to do. */
const PATIENCE_MS = 20_000;

/** The same, as an ordinary user has it. */
function withoutKernelEvents(timeline: Timeline): Timeline {
  const rest = new Timeline();
  for (const event of timeline) {
    if (event.type === 'kernel') continue;
    rest.add(event.type === 'lab-opened' ? { ...event, noKernelEvents: 'kernel events need root' } : event);
  }
  return rest;
}

const VIEWS: [who: string, view: (timeline: Timeline) => Timeline][] = [
  ['all witnesses', (timeline) => timeline],
  ['socket table and packets', withoutKernelEvents],
];

function formatTransition({ host, from, to, arc, source }: Transition): string {
  return `${host} ${from} → ${to} (${arc?.number ?? 'no arc'}, ${source})`;
}

describe('the scenarios', () => {
  const timelines = new Map<string, Timeline>();

  beforeAll(async () => {
    const turn = new Turn();
    await Promise.all(
      QUICK.map(async (scenario) => {
        timelines.set(scenario.id, await runScenario(scenario, { turn, withinMs: PATIENCE_MS }));
      }),
    );
  });

  function timelineOf(id: string): Timeline {
    const timeline = timelines.get(id);
    if (!timeline) throw new Error(`${id} did not run`);
    return timeline;
  }

  it('drive each arc of the catalogue, those of the table and no others', () => {
    expect(drives().map(({ arc }) => arc.number)).toEqual(NUMBERS);
    expect([...new Set(ARCS.map(({ number }) => number))]).toEqual(NUMBERS);
    const claimed = EVERY.flatMap(({ arcs = {} }) => Object.values(arcs).flat());
    expect([...new Set(claimed)].sort((a, b) => a - b)).toEqual(NUMBERS);
  });

  it('are slow for one arc alone', () => {
    const slow = drives().filter(({ scenario }) => scenario.slow);
    expect(slow.map(({ arc }) => arc.number)).toEqual([41]);
  });

  describe.each(VIEWS)('seen by %s', (who, view) => {
    const quick = drives().filter(({ scenario }) => !scenario.slow);

    it.each(quick.map((drive) => [nameOf(drive), drive] as const))('prove %s', (_, drive) => {
      const result = judgeArc(drive, view(timelineOf(drive.scenario.id)));
      expect([result.verdict, result.because]).toEqual(['proven', null]);
      expect(result.seenBy.length).toBeGreaterThanOrEqual(2);
      if (who !== 'all witnesses') expect(result.seenBy).not.toContain('kernel-events');
    });

    // Not only the arc that is asked for first: each that a scenario says to be made for.
    const made = QUICK.flatMap(({ id, arcs = {} }) =>
      HOSTS.flatMap((host) => (arcs[host] ?? []).map((number) => [id, host, number] as const)),
    ).filter(([, , number]) => !ARCS.some((arc) => arc.number === number && arc.refusal));

    it.each(made)('have %s take, at the %s, arc %i', (id, host, number) => {
      const timeline = view(timelineOf(id));
      expect(transitionsAt(timeline, host).map(({ arc }) => arc?.number)).toContain(number);
    });

    it('have no segment with a number below that of its SYN, and count each SYN as the beginning', () => {
      for (const { id } of QUICK) {
        const { segments } = resultOf(view(timelineOf(id)));
        expect(segments.length, id).toBeGreaterThan(0);
        for (const { flags, seq, ack } of segments) {
          const text = `${id}: ${flags} seq ${seq} ack ${ack}`;
          if (flags?.includes('S')) expect(seq, text).toBe(0);
          expect(Math.min(seq ?? 0, ack ?? 0), text).toBeGreaterThanOrEqual(0);
          // None of them sends more than some hundred kilobytes.
          expect(Math.max(seq ?? 0, ack ?? 0), text).toBeLessThan(2 ** 24);
        }
      }
    });

    it('have no transition without an arc, a clause and a source, of whichever connection', () => {
      for (const { id } of QUICK) {
        const timeline = view(timelineOf(id));
        for (const connection of connectionsIn(timeline)) {
          for (const transition of stateHistoryOf(timeline, connection).transitions) {
            const text = `${id}: ${formatTransition(transition)}`;
            expect(transition.arc, text).not.toBeNull();
            expect(ARCS, text).toContain(transition.arc);
            expect(transition.arc, text).toMatchObject({ from: transition.from, to: transition.to });
            expect(transition.arc?.clause, text).toMatch(/^3(\.\d+){1,3}$/);
            const sources = [
              'socket-table',
              'packets',
              ...(view === withoutKernelEvents ? [] : ['kernel-events']),
            ];
            expect(sources, text).toContain(transition.source);
          }
        }
      }
    });

    it('have each transition begin where the one before it ended', () => {
      for (const { id } of QUICK) {
        const timeline = view(timelineOf(id));
        for (const host of HOSTS) {
          const transitions = transitionsAt(timeline, host);
          expect([id, ...breaksOf(transitions)], transitions.map(formatTransition).join('\n')).toEqual([id]);
        }
      }
    });

    it('have each end arrive where it was claimed to be', () => {
      for (const { id, held, peer } of QUICK) {
        const timeline = view(timelineOf(id));
        const { connection } = timeline.of('claimed')[0] as Claimed;
        // Of a socket that is connected to itself, both ends are at one host.
        const other = endOf(connection, otherHost(held.host), 'CLOSED').host;
        for (const [host, state] of [
          [held.host, held.state],
          [other, peer],
        ] as const) {
          const states = ownOf(transitionsAt(timeline, host)).map(({ to }) => to);
          const stayed = states.length === 0 && (state === 'CLOSED' || state === 'LISTEN');
          const text = `${id}: ${host} ${state}, by its transitions ${states.join(' → ')}`;
          expect(stayed ? state : states.at(-1), text).toBe(state);
        }
      }
    });
  });

  it('have the kernel print nothing that is neither a transition nor a listed particularity', (context) => {
    needRoot(context, 'kernel events need root');
    let printed = 0;
    for (const { id } of QUICK) {
      const timeline = timelineOf(id);
      for (const connection of connectionsIn(timeline)) {
        const { transitions, particularities } = stateHistoryOf(timeline, connection);
        for (const { from, to, why } of particularities)
          expect(PARTICULARITIES, id).toContainEqual([from, to, why]);
        for (const host of hostsOf(connection)) {
          const changes = kernelChanges(timeline, endOf(connection, host, 'CLOSED'));
          printed += changes.length;
          const reported = [...transitions, ...particularities].filter((each) => each.host === host);
          const pairs = reported.map(({ from, to }) => `${from} → ${to}`);
          for (const { from, to } of changes) {
            const place = pairs.indexOf(`${from} → ${to}`);
            expect(place, `${id}: the kernel of ${host} printed ${from} → ${to}`).toBeGreaterThanOrEqual(0);
            pairs.splice(place, 1);
          }
        }
      }
    }
    expect(printed).toBeGreaterThan(200);
  });

  function transitionsAt(timeline: Timeline, host: HostName): Transition[] {
    return stateHistoryOf(timeline, claimedIn(timeline)).transitions.filter((each) => each.host === host);
  }
});

/** Changes that Linux prints although they are not transitions, by net/ipv4/tcp_minisocks.c and tcp_input.c. */
const PARTICULARITIES: [from: State, to: State, why: string][] = [
  ['FIN-WAIT-1', 'FIN-WAIT-2', 'a FIN that acknowledges ours passes through FIN-WAIT-2'],
  ['FIN-WAIT-2', 'CLOSED', 'the full socket ends where TIME-WAIT begins'],
  ['CLOSING', 'CLOSED', 'the full socket ends where TIME-WAIT begins'],
  ['FIN-WAIT-2', 'CLOSED', 'an orphan’s FIN-WAIT-2 goes on without a full socket'],
  ['CLOSED', 'CLOSED', 'destroying a listener sets CLOSED twice'],
  ['LISTEN', 'SYN-RECEIVED', 'the full socket is made, by way of SYN-RECEIVED, at the final ACK'],
];

function nameOf({ arc, scenario, host }: Drive): string {
  return `${arc.number}, ${arc.from} → ${arc.to} by ${arc.trigger}: ${scenario.id}, ${host}`;
}

function claimedIn(timeline: Timeline): Connection {
  const claim = timeline.of('claimed')[0];
  if (!claim) throw new Error(timeline.of('gave-up')[0]?.why ?? 'nothing was claimed');
  return claim.connection;
}

/** All of which anything was seen, not only the one that is held. */
function connectionsIn(timeline: Timeline): Connection[] {
  const found = new Map<string, Connection>();
  const add = (connection: Connection) => found.set(formatEndpoint(connection.client), connection);
  add(claimedIn(timeline));
  for (const { wire } of timeline.of('captured')) {
    if (wire.kind !== 'tcp') continue;
    const { source, destination } = wire.segment;
    add(
      source.port === SERVER_PORT
        ? { client: destination, server: source }
        : { client: source, server: destination },
    );
  }
  for (const { host, local, remote } of timeline.of('kernel')) {
    if (remote.port === 0 || local.port === 0) continue;
    add(host === 'client' ? { client: local, server: remote } : { client: remote, server: local });
  }
  return [...found.values()];
}

/** Without what a listener did while a connection that came from it stood. */
function ownOf(transitions: Transition[]): Transition[] {
  const own: Transition[] = [];
  for (const transition of transitions) {
    const isListeners = transition.from === 'LISTEN' && transition.to === 'CLOSED';
    const state = own.at(-1)?.to ?? 'LISTEN';
    if (!isListeners || state === 'LISTEN') own.push(transition);
  }
  return own;
}

/** Where the transitions of one end do not follow each other. A listener may close, and a new connection come from it. */
function breaksOf(transitions: Transition[]): string[] {
  const breaks: string[] = [];
  let state: State | undefined;
  for (const transition of ownOf(transitions)) {
    const { from, to } = transition;
    const begins = from === 'LISTEN' || (from === 'CLOSED' && state === undefined);
    const follows =
      state === undefined || (state === 'CLOSED' && from === 'LISTEN') ? begins : state === from;
    if (!follows) breaks.push(`${state ?? 'the beginning'}, then ${formatTransition(transition)}`);
    state = to;
  }
  return breaks;
}

interface Row {
  arc: number;
  /** What does not happen. */
  withheld: string;
  by: Withholding;
  /** The end's state afterwards. Default: the state before. */
  left?: State;
  /** The arc that it takes in place of the other; null for something that is none. */
  takes?: number | null;
  /** No segment tells what is there instead, so that it can't be proven either. */
  untold?: boolean;
  /** When it is not the first that drives it. */
  scenario?: string;
  /** How long to wait for what is not to come: longer than it takes when it does. */
  withinMs?: number;
}

const SOON_MS = 700;

/** Longer than a retransmission after 200 ms and the next one take. */
const USER_TIMEOUT_MS = 1500;

/** For each arc, the part to remove from its scenario so that the transition does not occur: what the scenario names, and more. */
const WITHHELD: Row[] = [
  ...ARC_SCENARIOS.flatMap(rowsOf),
  { arc: 1, withheld: 'the server does not call listen', by: without('server', 'listen'), untold: true },
  { arc: 2, withheld: 'the client does not call connect', by: without('client', 'connect'), untold: true },
  {
    arc: 3,
    withheld: 'the SYN is dropped before the server is given it',
    by: unheard('server', 'S', { before: 'client', calls: 'connect' }),
    untold: true,
  },
  {
    arc: 6,
    withheld: 'the SYN-ACK is dropped before the client is given it',
    by: unheard('client', 'S.', { before: 'client', calls: 'connect' }),
  },
  { arc: 7, withheld: 'the server does not connect', by: without('server', 'connect') },
  {
    arc: 7,
    withheld: 'the server’s SYN is dropped before the client is given it',
    by: unheard('client', 'S', { before: 'client', calls: 'connect' }),
  },
  {
    arc: 8,
    withheld: 'the RST is dropped before the client is given it',
    by: unheard('client', 'R', { before: 'client', calls: 'connect' }),
  },
  {
    arc: 9,
    withheld: 'the server’s firewall drops the SYN and sends no ICMP error',
    by: instead('server', 'setRule', ({ host, args }) =>
      host.setRule({ ...(args[0] as Rule), fate: 'drop' }),
    ),
  },
  {
    arc: 9,
    withheld: 'the rule that rejects is not set',
    by: without('server', 'setRule'),
    left: 'ESTABLISHED',
    takes: 6,
  },
  {
    arc: 12,
    withheld: 'the final ACK is dropped before the server is given it',
    by: unheard('server', '.', { before: 'client', calls: 'connect' }),
  },
  {
    arc: 13,
    withheld: 'the RST is dropped before the server is given it',
    by: unheard('server', 'R', { before: 'client', calls: 'sendSegment' }),
  },
  { arc: 17, withheld: 'the client does not close', by: without('client', 'close') },
  {
    arc: 18,
    withheld: 'the FIN is dropped before the server is given it',
    by: unheard('server', 'F', { before: 'client', calls: 'close' }),
  },
  {
    arc: 19,
    withheld: 'the RST is dropped before the client is given it',
    by: unheard('client', 'R', { before: 'server', calls: 'abort' }),
  },
  {
    arc: 20,
    withheld: 'the server does not abort: its administrator destroys the socket',
    by: instead('server', 'abort', ({ host, connection }) =>
      host.destroySocket(connection().server, connection().client),
    ),
    left: 'CLOSED',
    takes: 23,
  },
  {
    arc: 23,
    withheld: 'the administrator does not destroy the socket: the program aborts',
    by: instead('client', 'destroySocket', ({ host }) => host.abort(1)),
    left: 'CLOSED',
    takes: 20,
  },
  {
    arc: 24,
    withheld: 'the ACK of the FIN is dropped before the client is given it',
    by: unheard('client', '.', { before: 'client', calls: 'shutdown' }),
  },
  {
    arc: 25,
    withheld: 'the FIN is dropped before the client is given it',
    by: unheard('client', 'F', { before: 'server', calls: 'close' }),
  },
  {
    arc: 26,
    withheld: 'the rule that drops segments for the server is not removed',
    by: without('server', 'liftRule'),
    withinMs: USER_TIMEOUT_MS,
  },
  {
    arc: 26,
    withheld: 'the FIN that acknowledges is dropped: the server is given an ACK without FIN',
    by: unheard('server', 'F', { before: 'server', calls: 'liftRule' }),
    left: 'FIN-WAIT-2',
    takes: 24,
    withinMs: USER_TIMEOUT_MS,
  },
  {
    arc: 27,
    withheld: 'the RST is dropped before the client is given it',
    by: unheard('client', 'R', { before: 'server', calls: 'abort' }),
  },
  {
    arc: 29,
    withheld: 'the FIN is dropped before the client is given it',
    by: unheard('client', 'F', { before: 'server', calls: 'close' }),
  },
  {
    arc: 30,
    withheld: 'the RST is dropped before the client is given it',
    by: unheard('client', 'R', { before: 'server', calls: 'abort' }),
  },
  {
    arc: 30,
    withheld: 'the server does not abort: the client’s administrator destroys its socket',
    by: instead('server', 'abort', ({ stage, connection }) =>
      stage.client.destroySocket(connection().client, connection().server),
    ),
    left: 'CLOSED',
    takes: 65,
  },
  {
    arc: 32,
    withheld: 'the ACK of the FIN is dropped before the client is given it',
    by: unheard('client', null, { before: 'server', calls: 'liftRule' }),
    withinMs: USER_TIMEOUT_MS,
  },
  { arc: 35, withheld: 'the server does not close', by: without('server', 'close') },
  {
    arc: 36,
    withheld: 'the RST is dropped before the server is given it',
    by: unheard('server', 'R', { before: 'client', calls: 'sendSegment' }),
  },
  {
    arc: 38,
    withheld: 'the ACK of the FIN is dropped before the server is given it',
    by: unheard('server', '.', { before: 'server', calls: 'close' }),
  },
  {
    arc: 42,
    withheld: 'the RST is sent, and tcp_rfc1337 is 1',
    by: instead('server', 'sendSegment', async ({ stage, go }) => {
      await stage.client.writeSysctl('net.ipv4.tcp_rfc1337', 1);
      return go();
    }),
    untold: true,
  },
  {
    arc: 42,
    withheld: 'no RST: the administrator destroys the socket long before 2 MSL are over',
    by: instead('server', 'sendSegment', ({ stage, connection }) =>
      stage.client.destroySocket(connection().client, connection().server),
    ),
    left: 'CLOSED',
    untold: true,
    takes: 79,
  },
  {
    arc: 43,
    withheld: 'the new SYN is dropped before the server is given it',
    by: unheard('server', 'S', { before: 'client', calls: 'connect', again: true }),
  },
  {
    arc: 45,
    withheld: 'the server closes its listener',
    by: closesInstead('server'),
    left: 'CLOSED',
    takes: 5,
  },
  { arc: 47, withheld: 'the client closes', by: closesInstead('client'), left: 'CLOSED', takes: 11 },
  { arc: 49, withheld: 'it is destroyed', by: destroyedInstead('client'), left: 'CLOSED', takes: 48 },
  { arc: 54, withheld: 'the client closes', by: closesInstead('client'), left: 'FIN-WAIT-1', takes: 16 },
  { arc: 56, withheld: 'it is destroyed', by: destroyedInstead('client'), left: 'CLOSED', takes: 55 },
  { arc: 57, withheld: 'it is destroyed', by: destroyedInstead('client'), left: 'CLOSED', takes: 23 },
  {
    arc: 58,
    withheld: 'the data is dropped before the client is given it',
    by: unheard('client', 'P', { before: 'server', calls: 'send' }),
  },
  {
    arc: 58,
    withheld: 'the server sends nothing: the client’s administrator destroys its socket',
    by: instead('server', 'send', ({ stage, connection }) =>
      stage.client.destroySocket(connection().client, connection().server),
    ),
    left: 'CLOSED',
    takes: 60,
  },
  { arc: 59, withheld: 'the client closes', by: closesInstead('client') },
  { arc: 60, withheld: 'the client aborts', by: abortsInstead('client'), left: 'CLOSED', takes: 59 },
  { arc: 61, withheld: 'it is destroyed', by: destroyedInstead('client'), left: 'CLOSED', takes: 60 },
  {
    arc: 62,
    withheld: 'the data is dropped before the client is given it',
    by: unheard('client', 'P', { before: 'server', calls: 'send' }),
  },
  {
    arc: 63,
    withheld: 'the client keeps its descriptor, and its kernel sends a challenge ACK',
    by: instead('client', 'close', ({ host }) => host.shutdown(1)),
  },
  { arc: 66, withheld: 'it is destroyed', by: destroyedInstead('client'), left: 'CLOSED', takes: 65 },
  { arc: 77, withheld: 'it is destroyed', by: destroyedInstead('server'), left: 'CLOSED', takes: 76 },
];

/** In place of the option that was to end it. */
function destroyedInstead(host: HostName): Withholding {
  const other = host === 'client' ? 'server' : 'client';
  const withholding = instead(host, 'setOption', ({ host: at, connection }) =>
    at.destroySocket(connection()[host], connection()[other]),
  );
  let calls = 0;
  return { ...withholding, isMeant: () => ++calls === 1 };
}

/** What a scenario in arc/ names itself, for the first transition of each host. */
function rowsOf({ id, arcs = {}, withheld }: ArcScenario): Row[] {
  const first = Object.values(arcs).flatMap(([number]) => number ?? []);
  if (!withheld) {
    // All goes its way: only the time is not over.
    const by = instead('client', 'shutdown', ({ go }) => go());
    return first.map((arc) => ({ arc, scenario: id, withheld: 'the time is not over', by }));
  }
  const { host, call, of, isSecond, instead: other, withinMs } = withheld;
  return first.map((arc) => {
    const by = without(host, call, ...(of ? [of] : []));
    return {
      arc,
      scenario: id,
      withheld: `the ${host} does not call ${call}${of ? ` ${of}` : ''}${isSecond ? ' again' : ''}`,
      by: isSecond ? secondOnly(by) : by,
      ...(other && { left: other.state, takes: other.arc }),
      ...(withinMs && { withinMs }),
    };
  });
}

function closesInstead(host: HostName): Withholding {
  return instead(host, 'abort', ({ host: at, args }) => at.close(args[0] as number));
}

function abortsInstead(host: HostName): Withholding {
  return instead(host, 'destroySocket', ({ host: at }) => at.abort(1));
}

function secondOnly(withholding: Withholding): Withholding {
  let calls = 0;
  return { ...withholding, isMeant: () => ++calls === 2 };
}

describe('an arc whose trigger is withheld', () => {
  const played = new Map<Row, Played | Error>();

  beforeAll(async () => {
    const turn = new Turn();
    await Promise.all(
      WITHHELD.map(async (row) => {
        const { scenario } = driveOf(row);
        const options = { turn, withinMs: row.withinMs ?? SOON_MS, holdMs: 50 };
        played.set(row, await playWithout(scenario, row.by, options).catch((error: Error) => error));
      }),
    );
  });

  it('is each of them', () => {
    const advice =
      'an ArcScenario names what is withheld; for one of the catalogue, add a row to WITHHELD above';
    expect(
      [...new Set(WITHHELD.map(({ arc }) => arc))].sort((a, b) => a - b),
      advice,
    ).toEqual(NUMBERS);
  });

  describe.each(VIEWS)('seen by %s', (_, view) => {
    it.each(WITHHELD.map((row) => [titleOf(row), row] as const))('is not reported: %s', (_title, row) => {
      const { timeline: whole, connection } = playedOf(row);
      const timeline = view(whole);
      const drive = driveOf(row);
      const { arc, host } = drive;
      const taken = stateHistoryOf(timeline, connection).transitions.filter((each) => each.host === host);
      const story = taken.map(formatTransition).join('\n');
      // 4 is none that Linux takes: its proof is the refusal, of which judgeArc tells.
      expect(
        taken.map((each) => each.arc?.number),
        story,
      ).not.toContain(arc.number);
      if (row.left === undefined)
        expect(taken.filter(({ from, to }) => from === arc.from && to === arc.to)).toEqual([]);
      expect(leftIn(timeline, connection, host, row.left ?? arc.from), story).toBe(row.left ?? arc.from);
      if (row.takes !== undefined) expect(taken.at(-1)?.arc?.number ?? null, story).toBe(row.takes);
      expect(judgeArc(drive, timeline)).toMatchObject({
        verdict: expect.stringMatching(/^(un|dis)proven$/),
        because: expect.any(String),
      });
    });

    it.each(WITHHELD.map((row) => [titleOf(row), row] as const))(
      'is not proven either when what is there instead is: %s',
      (_title, row) => {
        const { timeline: whole, connection } = playedOf(row);
        const drive = driveOf(row);
        const claim = { host: drive.host, state: row.left ?? drive.arc.from };
        const timeline = claimingWhatIsLeft(view(whole), connection, claim);
        const { word, because } = judge(timeline);
        // A rule that was to meet what did not happen met nothing, and holds nothing.
        const isIdle = /matched no packet of the connection/.test(because ?? '');
        if (!row.untold && !isIdle) expect([word, because]).toEqual(['proven', null]);
        expect(judgeArc(drive, timeline).verdict).toMatch(/^(un|dis)proven$/);
      },
    );
  });

  function playedOf(row: Row): Played {
    const outcome = played.get(row);
    if (!outcome || outcome instanceof Error) throw outcome ?? new Error('it did not run');
    return outcome;
  }
});

function titleOf({ arc, withheld }: Row): string {
  const { from, to } = ARCS.find(({ number }) => number === arc) ?? {};
  return `${arc}, ${from} → ${to}: ${withheld}`;
}

function driveOf({ arc: number, scenario: id }: Row): Drive {
  const drive = drives().find(({ arc }) => arc.number === number);
  if (!drive) throw new Error(`nothing drives arc ${number}`);
  if (!id) return drive;
  const scenario = scenariosDriving(number).find((each) => each.id === id);
  const host = HOSTS.find((name) => scenario?.arcs?.[name]?.includes(number));
  if (!scenario || !host) throw new Error(`${id} does not drive arc ${number}`);
  return { ...drive, scenario, host };
}

/** Where the socket table last had the end. */
function leftIn(timeline: Timeline, connection: Connection, host: HostName, expected: State): State {
  const last = timeline.of('sockets').findLast((event) => event.host === host);
  return stateInTable(last?.rows ?? [], endOf(connection, host, expected));
}

/** As if that had been the scenario's aim, and had been held. */
function claimingWhatIsLeft(
  timeline: Timeline,
  connection: Connection,
  held: { host: HostName; state: State },
): Timeline {
  const claiming = new Timeline();
  let lastMs = 0;
  for (const event of timeline) {
    if (['claimed', 'held', 'gave-up'].includes(event.type)) continue;
    claiming.add(event);
    lastMs = event.atMs;
  }
  claiming.add({
    type: 'claimed',
    atMs: lastMs,
    scenario: 'by-hand',
    held,
    peer: null,
    connection,
    reachedMs: 0,
  });
  claiming.add({ type: 'held', atMs: lastMs + 100, fromMs: lastMs, samples: 10 });
  return claiming;
}

describe('a FIN that comes in FIN-WAIT-1', () => {
  /** A rule silences the server's kernel. Its FIN is crafted, and acknowledges the client's FIN or does not. */
  function crossing(id: string, state: State, acknowledges: boolean): Scenario {
    return {
      id,
      title: id,
      held: { host: 'client', state },
      peer: 'ESTABLISHED',
      heldBy: 'server drops in',
      async reach(stage) {
        const { connection, clientSocket } = await established(stage);
        await stage.server.setRule({ hook: 'in', destinationPort: SERVER_PORT, fate: 'drop' });
        await stage.client.shutdown(clientSocket);
        await seen(stage, connection, 'client', 'FIN-WAIT-1');
        const { sendNext } = await stage.fold(connection, 'client');
        await stage.server.sendSegment({
          source: connection.server,
          destination: connection.client,
          seq: (await stage.fold(connection, 'server')).sendNext,
          ack: acknowledges ? sendNext : seqAdd(sendNext, -1),
          flags: 'F.',
          window: 64240,
        });
        return connection;
      },
    };
  }

  const catalogued = (id: string) => EVERY.find((each) => each.id === id) as Scenario;
  const cases: [title: string, host: HostName, scenario: Scenario, arc: number, not: number, to: State][] = [
    ['time-wait-both: acknowledges ours', 'server', catalogued('time-wait-both'), 26, 25, 'TIME-WAIT'],
    ['crafted: acknowledges ours', 'client', crossing('by-hand', 'TIME-WAIT', true), 26, 25, 'TIME-WAIT'],
    [
      'crafted: does not acknowledge ours',
      'client',
      crossing('by-hand', 'CLOSING', false),
      25,
      26,
      'CLOSING',
    ],
  ];

  it.concurrent('of a server that closes at once: with its ACK, or after it where the server was too late', async () => {
    const timeline = await runScenario(catalogued('time-wait'), { withinMs: PATIENCE_MS });
    const connection = claimedIn(timeline);
    const ends = timeline.of('captured').flatMap(({ host, direction, wire }) => {
      const isReceived = host === 'client' && direction === 'received' && wire.kind === 'tcp';
      return isReceived && wire.segment.flags.includes('F') ? [wire.segment] : [];
    });
    const { finSent } = foldEnd(inputsOf(timeline, connection, 'client'));
    const acks = inputsOf(timeline, connection, 'client').filter(
      (input) =>
        'segment' in input &&
        input.direction === 'received' &&
        input.segment.ack === seqAdd(finSent ?? sequenceNumber(0), 1),
    );
    expect(ends).toHaveLength(1);
    const isBundled = 'segment' in (acks[0] ?? {}) && acks.length === 1;
    const { transitions } = stateHistoryOf(timeline, connection);
    const arcs = transitions
      .filter(({ host, to }) => host === 'client' && to !== 'SYN-SENT')
      .map(({ arc }) => arc?.number);
    expect(arcs).toEqual(isBundled ? [6, 17, 26] : [6, 17, 24, 29]);
  });

  it.concurrent.each(cases)('%s', async (_, host, scenario, arc, not, to) => {
    const whole = await runScenario(scenario, { withinMs: PATIENCE_MS });
    for (const [, view] of VIEWS) {
      const timeline = view(whole);
      expect(judge(timeline)).toMatchObject({ word: 'proven', because: null });
      const { transitions } = stateHistoryOf(timeline, claimedIn(timeline));
      const taken = transitions.filter((each) => each.host === host);
      const fromFinWait1 = taken.filter(({ from }) => from === 'FIN-WAIT-1');
      expect(fromFinWait1.map((each) => [each.arc?.number, each.to])).toEqual([[arc, to]]);
      expect(fromFinWait1[0]?.seenBy).toEqual(expect.arrayContaining(['socket-table', 'packets']));
      expect(taken.map((each) => each.arc?.number)).not.toContain(not);
      expect(taken.map((each) => each.to)).not.toContain('FIN-WAIT-2');
    }
  });
});

interface Way {
  name: string;
  privilege: 'root' | 'user-namespace';
  reported: () => Promise<{ outcome: Outcome; report: unknown }>;
  printed: () => Promise<Outcome>;
}

/** Runs it when that is first asked for. */
function way(
  name: string,
  privilege: Way['privilege'],
  tcplab: (...args: string[]) => Promise<Outcome>,
): Way {
  const reported = once(async () => parse(await tcplab('arcs', '--json')));
  return { name, privilege, reported, printed: once(() => tcplab('arcs')) };
}

const AS_WE_ARE: Way = way('as the user of the tests', IS_ROOT ? 'root' : 'user-namespace', tcplabHere);
const asOrdinaryUser = once(tcplabAsOrdinaryUser);
const WAYS: Way[] = [
  AS_WE_ARE,
  way('as an ordinary user', 'user-namespace', (...args) => run([...asOrdinaryUser(), ...args])),
];

describe.concurrent.each(WAYS)('tcplab arcs $name', ({ name, reported, printed, privilege }) => {
  const witnesses = ['socket-table', 'packets', ...(privilege === 'root' ? ['kernel-events'] : [])];

  it('--json ends with 0, one object on stdout and nothing on stderr', async (context) => {
    if (name === 'as an ordinary user') needRoot(context, 'to become an ordinary user');
    const { outcome } = await reported();
    expect({ ...outcome, stdout: '' }).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(outcome.stdout.endsWith('}\n')).toBe(true);
  });

  it('--json is as the schema says', async (context) => {
    if (name === 'as an ordinary user') needRoot(context, 'to become an ordinary user');
    expect(errorsOf((await reported()).report)).toEqual([]);
  });

  it('proves all arcs but the one that has to be waited out, and leaves nothing unexplained', async (context) => {
    if (name === 'as an ordinary user') needRoot(context, 'to become an ordinary user');
    const { report } = (await reported()) as { report: ArcsReport };
    expect(report.arcs.map(({ number }) => number)).toEqual(NUMBERS);
    const others = report.arcs.filter(({ verdict }) => verdict !== 'proven');
    expect(others.map(({ number, verdict, because }) => [number, verdict, because])).toEqual([
      [41, 'skipped', 'slow: prove it with --slow'],
    ]);
    expect(report.unexplained).toEqual([]);
    expect(report.machine).toMatchObject({ privilege, witnesses });
    expect(new Set(report.arcs.flatMap(({ seenBy }) => seenBy))).toEqual(new Set(witnesses));
    for (const { number, from, to, trigger, clause, kernel } of report.arcs) {
      const arc = ARCS.find((each) => each.number === number);
      const { refusal: _, ...expected } = {
        ...arc,
        clause: `RFC 9293, ${arc?.clause}`,
        kernel: `net/ipv4/${arc?.kernel}`,
      };
      expect({ number, from, to, trigger, clause, kernel }).toEqual(expected);
    }
    // What the kernel prints is known of kernel events alone.
    const listed = Object.keys(report.particularities);
    expect(listed.length > 0).toBe(privilege === 'root');
    expect(PARTICULARITIES.map(([, , why]) => why)).toEqual(expect.arrayContaining(listed));
  });

  it('says the same in its table', async (context) => {
    if (name === 'as an ordinary user') needRoot(context, 'to become an ordinary user');
    const { status, stdout, stderr } = await printed();
    expect({ status, stderr }, stdout).toEqual({ status: 0, stderr: '' });
    const quick = NUMBERS.length - 1;
    const refused = ARCS.filter(({ refusal }) => refusal !== undefined).length;
    const kinds = `${quick - refused} taken, ${refused} refused by Linux`;
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain(
      `${quick} of ${quick} transitions proven (${kinds}), 1 skipped (--slow runs them), in `,
    );
    expect(stdout).toMatch(/^0 state changes unexplained$/m);
    const rows = stdout.split('\n').filter((line) => /^(proven|skipped) +\d+ {2}/.test(line));
    expect(rows.map((line) => Number(line.slice(11, 13)))).toEqual(NUMBERS);
    expect(/^Two witnesses, without kernel events: kernel events need root/m.test(stdout)).toBe(
      privilege !== 'root',
    );
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });
});

it('names the reason to root too, where the third witness is blind', async () => {
  const { stdout } = await run([...TCPLAB, 'arcs'], { TCPLAB_KERNEL_EVENTS: 'none' });
  expect(stdout).toMatch(/^Two witnesses, without kernel events: turned off \(TCPLAB_KERNEL_EVENTS\)\.$/m);
});

describe('the schema', () => {
  const reported = async () => (await AS_WE_ARE.reported()).report as ArcsReport;

  it('refuses a report that lacks any of its fields, has one more, or has one of another type', async () => {
    const report = await reported();
    const paths = [...fieldsOf(report), ...['tool', 'machine'].flatMap((key) => fieldsOf(report, [key]))];
    paths.push(...fieldsOf(report, ['arcs', 0]), ...fieldsOf(report, ['arcs', 40]));
    expect(paths.length).toBeGreaterThan(30);
    for (const path of paths) {
      const wrong = typeof valueAt(report, path) === 'string' ? 7 : 'no such value';
      expectRefusal(report, path, 'without', (parent, key) => delete parent[key]);
      expectRefusal(report, path, `with ${wrong} as`, (parent, key) =>
        Object.assign(parent, { [key]: wrong }),
      );
      expectRefusal(report, path, 'with a field more beside', (parent) => Object.assign(parent, { more: 1 }));
    }
  });

  const lies: [what: string, tell: (report: ArcsReport, first: ArcReport, skipped: ArcReport) => unknown][] =
    [
      ['another format', (report) => Object.assign(report, { format: 'tcplab.arcs/2' })],
      ['a time that is none', (report) => Object.assign(report, { startedAt: 'yesterday' })],
      ['a negative duration', (report) => Object.assign(report, { durationMs: -1 })],
      ['an arc less', (report) => report.arcs.pop()],
      ['an arc twice', (report, first) => report.arcs.push(structuredClone(first))],
      ['a number that no arc has', (_, first) => Object.assign(first, { number: 0 })],
      ['half an arc', (_, first) => Object.assign(first, { number: 1.5 })],
      ['a state as Linux spells it', (_, first) => Object.assign(first, { to: 'TCP_LISTEN' })],
      ['a trigger that there is not', (_, first) => Object.assign(first, { trigger: 'magic' })],
      ['a clause of no document', (_, first) => Object.assign(first, { clause: '3.10.1' })],
      ['a scenario that is not a name', (_, first) => Object.assign(first, { scenario: 'The Listener' })],
      ['a host that there is not', (_, first) => Object.assign(first, { host: 'router' })],
      ['a verdict that there is not', (_, first) => Object.assign(first, { verdict: 'probable' })],
      ['proven and a reason why not', (_, first) => Object.assign(first, { because: 'it was not' })],
      ['not proven and no reason', (_, first) => Object.assign(first, { verdict: 'unproven' })],
      ['proven by one witness', (_, first) => Object.assign(first, { seenBy: ['packets'] })],
      ['proven by one witness twice', (_, first) => Object.assign(first, { seenBy: ['packets', 'packets'] })],
      ['a witness that there is not', (_, first) => Object.assign(first, { seenBy: ['packets', 'hearsay'] })],
      ['skipped and seen', (_, __, skipped) => Object.assign(skipped, { seenBy: ['packets'] })],
      ['skipped and no reason', (_, __, skipped) => Object.assign(skipped, { because: null })],
      ['an empty reason', (_, __, skipped) => Object.assign(skipped, { because: '' })],
      [
        'something unexplained that does not say who saw it',
        (report) =>
          report.unexplained.push({
            scenario: 'listen',
            host: 'server',
            from: 'LISTEN',
            to: 'CLOSED',
          } as never),
      ],
      [
        'a particularity that was never seen',
        (report) => Object.assign(report.particularities, { 'it is so': 0 }),
      ],
      ['a witness twice', (report) => report.machine.witnesses.push('packets')],
    ];

  it.each(lies)('refuses %s', async (_, tell) => {
    const report = structuredClone(await reported());
    tell(report, report.arcs[0] as ArcReport, report.arcs[40] as ArcReport);
    expect(report).not.toEqual(await reported());
    expect(validate(report)).toBe(false);
  });

  it('allows what is not proven, with its reason, and what is not explained', async () => {
    const report = structuredClone(await reported());
    const [first, second, third] = report.arcs as [ArcReport, ArcReport, ArcReport];
    Object.assign(first, { verdict: 'unproven', because: 'the arc was not taken', seenBy: [] });
    Object.assign(second, { verdict: 'unproven', because: 'only seen by packets', seenBy: ['packets'] });
    Object.assign(third, { verdict: 'disproven', because: 'socket-table of client: saw CLOSED', seenBy: [] });
    const unexplained = { host: 'client', from: 'TIME-WAIT', to: 'CLOSED', source: 'socket-table' } as const;
    report.unexplained.push({ scenario: 'time-wait-reset', ...unexplained });
    expect(errorsOf(report)).toEqual([]);
  });
});

type Path = (string | number)[];

function valueAt(report: unknown, path: Path): unknown {
  return path.reduce((value, key) => (value as Record<string | number, unknown>)[key], report);
}

function fieldsOf(report: ArcsReport, path: Path = []): Path[] {
  return Object.keys(valueAt(report, path) as object).map((key) => [...path, key]);
}

function expectRefusal(
  report: ArcsReport,
  path: Path,
  what: string,
  change: (parent: Record<string | number, unknown>, key: string | number) => unknown,
): void {
  const changed = structuredClone(report);
  change(valueAt(changed, path.slice(0, -1)) as Record<string | number, unknown>, path.at(-1) ?? '');
  expect(validate(changed), `${what} ${path.join('.')}`).toBe(false);
}

/** Makes it when it is first asked for, and then gives the same. */
function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
