import { describe, expect, it } from 'vitest';
import { endOf } from '../src/evidence/connection.ts';
import { type Claimed, type HostName, otherHost, type TimelineEvent } from '../src/evidence/events.ts';
import { inputsOf } from '../src/evidence/segments.ts';
import { Timeline } from '../src/evidence/timeline.ts';
import { judge } from '../src/evidence/verdict.ts';
import { rowOf } from '../src/evidence/witness/socket-table.ts';
import type { WitnessName } from '../src/evidence/witness/witness.ts';
import { currentPrivilege } from '../src/kernel/privileges.ts';
import type { Host } from '../src/lab/host.ts';
import { Lab } from '../src/lab/lab.ts';
import { resultOf, type ScenarioResult } from '../src/report/story/result.ts';
import { CATALOGUE } from '../src/scenario/catalogue.ts';
import { established } from '../src/scenario/opening.ts';
import { stageOf } from '../src/scenario/reach.ts';
import { type RunOptions, runScenario } from '../src/scenario/run.ts';
import type { Sabotage } from '../src/scenario/sabotage.ts';
import type { CatalogueScenario, Scenario } from '../src/scenario/scenario.ts';
import { Turn } from '../src/scenario/turn.ts';
import { encodePacket, type SegmentToEncode } from '../src/tcp/encode.ts';
import { sameEndpoint } from '../src/tcp/endpoint.ts';
import { foldEnd } from '../src/tcp/fold.ts';
import { decodePacket, type WirePacket } from '../src/tcp/segment.ts';
import { STATES, type State } from '../src/tcp/state.ts';
import { listenerRow, row } from './hand-built.ts';

/** A verdict can be false: whatever is done to a scenario here, it must not be called proven. */

const turn = new Turn();
const IDS = CATALOGUE.map(({ id }) => id);

const WITH_RULES = CATALOGUE.flatMap((scenario) => {
  const { rules } = scenario.sabotage;
  return rules ? [{ scenario, rules }] : [];
});

function scenarioOf(id: string): CatalogueScenario {
  const scenario = CATALOGUE.find((each) => each.id === id);
  if (!scenario) throw new Error(`no scenario ${id}`);
  return scenario;
}

function play(scenario: Scenario, options: RunOptions = {}): Promise<Timeline> {
  return runScenario(scenario, { turn, ...options });
}

async function resultOfPlay(scenario: Scenario, options: RunOptions = {}): Promise<ScenarioResult> {
  return resultOf(await play(scenario, options));
}

describe.concurrent('a scenario that is left alone', () => {
  it.each(IDS)('%s is proven', async (id) => {
    const result = await resultOfPlay(scenarioOf(id));
    expect([result.verdict, result.because]).toEqual(['proven', null]);
    const wanted = currentPrivilege() === 'root' ? ['socketTable', 'packets'] : [];
    for (const witness of wanted) expect(result.witnesses).toHaveProperty([witness, 'agrees'], true);
    const { rules } = scenarioOf(id).sabotage;
    const advice = `sabotage.rules in src/scenario/${id}.ts: what its run without them reports, or null if it has none`;
    expect(result.rules.length > 0, advice).toBe(rules !== null);
  });
});

describe.concurrent('a scenario whose rules are not set', () => {
  it.each(WITH_RULES)('$scenario.id is not proven', async ({ scenario, rules }) => {
    const reach: Scenario['reach'] = (stage) =>
      scenario.reach({ ...stage, client: withoutRules(stage.client), server: withoutRules(stage.server) });
    const result = await resultOfPlay({ ...scenario, reach }, { withinMs: 700 });
    expect(result).toMatchObject({ verdict: 'unproven', rules: [], connection: null });
    expect(result.because).toMatch(rules.unset);
  });
});

/** The host, except that it sets no rules. */
function withoutRules(host: Host): Host {
  return new Proxy(host, {
    get(target, key) {
      if (key === 'setRule') return async () => 0;
      if (key === 'liftRule') return async () => {};
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/**
 * The rule is removed after 2.2 s. A retransmission after 3 s at the latest ends the hold (SYN after 1, 2, 3 s, SYN-ACK after
 * 1 and 3 s, FIN after 0.2, 0.6, 1.4 and 3 s).
 */
const UNTIL_SENT_AGAIN_MS = 4400;

const LEAVING = WITH_RULES.filter(({ rules }) => rules.removed !== null);
const STAYING = WITH_RULES.filter(({ rules }) => rules.removed === null);

describe.concurrent('a scenario whose rules are removed during the hold', () => {
  it.each(LEAVING)('$scenario.id is disproven: it moves to $rules.removed', async ({ scenario, rules }) => {
    const during = async (lab: Lab) => {
      await removeRules(lab);
    };
    const result = await resultOfPlay(scenario, { holdMs: UNTIL_SENT_AGAIN_MS, during });
    const { host, state } = result;
    expect(result.verdict).toBe('disproven');
    expect(result.because).toMatch(
      new RegExp(`^socket-table of ${host}: saw ${state}, then ${rules.removed} [\\d.]+ m?s into the hold$`),
    );
    expect(result.witnesses.socketTable).toMatchObject({ says: rules.removed, agrees: false });
    // By the segments it is seen as well, not by the table alone.
    expect(result.witnesses.packets?.agrees).toBe(false);
    expect(result.witnesses.packets?.why).toMatch(new RegExp(`^saw ${state}, then `));
  });

  it.each(STAYING)('$scenario.id stays in its state, but not because of its rules', async ({ scenario }) => {
    let removed = 0;
    const during = async (lab: Lab) => {
      removed = await removeRules(lab);
    };
    const result = await resultOfPlay(scenario, { holdMs: 300, during });
    // A rule that was removed before the state was reached has no part in the hold.
    expect(result.verdict).toBe(removed === 0 ? 'proven' : 'disproven');
    const reason = /^rule 1 of the (client|server) \(.*\) was removed [\d.]+ m?s into the hold$/;
    if (removed > 0) expect(result.because).toMatch(reason);
    expect(result.witnesses.socketTable).toMatchObject({ says: result.state, agrees: true });
  });
});

/** Returns how many there were. */
async function removeRules(lab: Lab): Promise<number> {
  const lifted = lab.timeline.of('rule-lifted').map(({ rule }) => rule);
  const left = lab.timeline.of('rule-set').filter(({ rule }) => !lifted.includes(rule));
  for (const { host, rule } of left) await lab.host(host).liftRule(rule);
  return left.length;
}

describe.concurrent('a socket that is replaced by another in the same state', () => {
  // What a server can't send a second time, it forgets, and the client's next SYN makes a request of its own
  // (net/ipv4/inet_connection_sock.c, reqsk_timer_handler).
  it('is not proven to have been held: a request whose SYN-ACKs never leave the server lives for a second', async () => {
    const result = await resultOfPlay(scenarioOf('syn-received-dropped-at-server'), { holdMs: 2400 });
    expect(result.verdict).not.toBe('proven');
    expect(result.because).toMatch(/socket-table.*: (.*another socket|saw SYN-RECEIVED, then CLOSED)/);
  });
});

describe.concurrent('a scenario in which a program makes another call during the hold', () => {
  const calls = CATALOGUE.flatMap((scenario) => {
    const { call } = scenario.sabotage;
    return typeof call === 'string' ? [] : [{ scenario, call }];
  });

  it.each(calls)('$scenario.id is disproven: $call.what', ({ scenario, call }) =>
    expectToBreak(scenario, call),
  );
});

async function expectToBreak(
  scenario: Scenario,
  { act, seen }: Pick<Exclude<Sabotage['call'], string>, 'act' | 'seen'>,
): Promise<void> {
  const during = async (lab: Lab) => {
    await act(stageOf(lab), claimOf(lab.timeline).connection);
  };
  const result = await resultOfPlay(scenario, { holdMs: 300, during });
  expect(result.verdict).toBe('disproven');
  expect(result.because).toMatch(seen);
  expect(result.because).toMatch(/ [\d.]+ m?s into the hold$/);
}

describe.concurrent('a scenario whose state stays, but not its condition', () => {
  const broken = CATALOGUE.flatMap((scenario) => {
    const { condition } = scenario.sabotage;
    return condition === null || typeof condition === 'string' ? [] : [{ scenario, condition }];
  });

  it.each(broken)('$scenario.id is disproven', ({ scenario, condition }) =>
    expectToBreak(scenario, condition),
  );

  it.each(CATALOGUE)('of $id is broken above, or its file says why not', ({ id, conditions, sabotage }) => {
    const advice = `sabotage.condition in src/scenario/${id}.ts: how to break one of its conditions, or why nothing can`;
    if (conditions.length > 0) expect(sabotage.condition, advice).not.toBeNull();
  });
});

async function listen(lab: Lab): Promise<void> {
  const listener = await lab.server.openSocket();
  await lab.server.bind(listener, lab.serverEndpoint());
  await lab.server.listen(listener, 5);
}

describe.concurrent('a scenario that came about in another way', () => {
  it('is not established-fast-open when the SYN carried no data', async () => {
    const scenario = scenarioOf('established-fast-open');
    const reach: Scenario['reach'] = async (stage) => {
      const { connection, clientSocket, listener } = await established(stage);
      await stage.client.send(clientSocket, Buffer.from('ping'));
      await stage.waitFor('the server to receive', () => stage.server.receive(listener + 1));
      return connection;
    };
    const result = await resultOfPlay({ ...scenario, reach });
    expect(result).toMatchObject({
      verdict: 'disproven',
      because: 'the SYN of the client carried no data',
    });
  });

  it('is not self-connect when the client is connected to the server', async () => {
    const reach: Scenario['reach'] = async (stage) => (await established(stage)).connection;
    const result = await resultOfPlay({ ...scenarioOf('self-connect'), reach });
    expect(result).toMatchObject({
      verdict: 'disproven',
      because: 'the client is not connected to itself',
    });
  });

  it('is not time-wait-reused when the server was never in TIME-WAIT', async () => {
    const scenario = scenarioOf('time-wait-reused');
    const reach: Scenario['reach'] = async (stage) => (await established(stage)).connection;
    const result = await resultOfPlay({ ...scenario, reach });
    expect(result).toMatchObject({
      verdict: 'disproven',
      because: 'the server was not in TIME-WAIT before',
    });
  });
});

async function connectAgain(lab: Lab, socket: number): Promise<void> {
  // The first call after a connect that failed only takes note of that (net/ipv4/af_inet.c).
  await lab.client.connect(socket, lab.serverEndpoint());
  await lab.client.connect(socket, lab.serverEndpoint());
}

function claimOf(timeline: Timeline): Claimed {
  const claim = timeline.of('claimed')[0];
  if (!claim) throw new Error(`not reached: ${timeline.of('gave-up')[0]?.why}`);
  return claim;
}

/** For what is done to the timeline afterwards. */
const BRIEFLY: RunOptions = { holdMs: 30 };

describe.concurrent('a wrong state that is claimed', () => {
  it.each(IDS)(
    'of %s, of the held end or of its peer, is disproven by what the socket table saw',
    async (id) => {
      const timeline = await play(scenarioOf(id), BRIEFLY);
      const claim = claimOf(timeline);
      const { host, state } = claim.held;
      for (const wrong of STATES.filter((each) => each !== state)) {
        const { word, because } = judge(changed(timeline, claim, { ...claim, held: { host, state: wrong } }));
        expect({ wrong, word }).toEqual({ wrong, word: 'disproven' });
        expect(because).toMatch(sawInstead(host, state, wrong));
      }
      const { host: peer } = endOf(claim.connection, otherHost(host), 'CLOSED');
      for (const wrong of STATES.filter((each) => each !== claim.peer && !bothTrue(peer, claim.peer, each))) {
        const { word, because } = judge(changed(timeline, claim, { ...claim, peer: wrong }));
        expect({ wrong, word }).toEqual({ wrong, word: 'disproven' });
        expect(because).toMatch(sawInstead(peer, claim.peer as State, wrong));
      }
    },
  );

  it.each(IDS)(
    'is not claimed by a run of %s: it gives up, and says what the socket table saw',
    async (id) => {
      const scenario = scenarioOf(id);
      const { held, peer } = scenario;
      const wrongFor = (host: HostName, is: State) =>
        STATES.find((each) => each !== is && !bothTrue(host, is, each)) as State;
      const wrongs: Scenario[] = [
        { ...scenario, held: { ...held, state: wrongFor(held.host, held.state) } },
        { ...scenario, peer: wrongFor(otherHost(held.host), peer) },
      ];
      // One waits for a SYN-ACK that is retransmitted after a second.
      const withinMs = id === 'syn-received-accept-queue-full' ? 2500 : 800;
      const results = await Promise.all(wrongs.map((wrong) => resultOfPlay(wrong, { withinMs })));
      for (const { verdict, because } of results) {
        expect(verdict).toBe('unproven');
        expect(because).toMatch(
          new RegExp(
            `^the ${held.host} was not seen in .* within (?:800 ms|2\\.5 s); socket-table saw ${held.host} [A-Z0-9-]+, `,
          ),
        );
      }
    },
  );
});

/** Without a connection a server's end of it is CLOSED, and where it listens it is LISTEN as well. */
function bothTrue(host: HostName, is: State | null, claimed: State): boolean {
  const either = [is, claimed];
  return host === 'server' && either.includes('LISTEN') && either.includes('CLOSED');
}

function sawInstead(host: HostName, state: State, wrong: State): RegExp {
  // A host that only listens has no row for this connection: only the other witnesses can refute CLOSED.
  const witness = wrong === 'CLOSED' && state === 'LISTEN' ? '(packets|kernel-events)' : 'socket-table';
  const truth = state === 'LISTEN' ? '(LISTEN|CLOSED)' : state;
  return new RegExp(`^${witness} of ${host}: saw ${truth}( or [A-Z0-9-]+)*, not ${wrong}$`);
}

describe('another lab of this process', () => {
  it('that ends, and its listener with it, says nothing on this one’s timeline', async ({ skip }) => {
    if (currentPrivilege() !== 'root') skip('needs root: kernel events');
    await using lab = await Lab.open();
    const other = await Lab.open();
    await listen(other);
    await listen(lab);
    await other[Symbol.asyncDispose]();
    // After a call, a host reads the kernel events.
    await lab.server.bind(await lab.server.openSocket(), { ...lab.serverEndpoint(), port: 81 });
    await lab.observe();
    const changes = lab.timeline
      .of('kernel')
      .map(({ host, change }) => `${host} ${change?.from}→${change?.to}`);
    expect(changes).toEqual(['server CLOSED→LISTEN']);
  });

  it('may have the same ports: the kernel says in which namespace an event was', async ({ skip }) => {
    if (currentPrivilege() !== 'root') skip('needs root: kernel events');
    await using one = await Lab.open();
    await using other = await Lab.open();
    await listen(one);
    await listen(other);
    const local = one.nextClientEndpoint();
    const socket = await one.client.openSocket();
    await one.client.bind(socket, local);
    await connectAgain(one, socket);
    const same = await other.client.openSocket();
    await other.client.bind(same, local);
    await connectAgain(other, same);
    await one.client.close(socket);
    await one.waitFor('the closing', async () => {
      await Promise.all([one.observe(), other.observe()]);
      return one.timeline.of('kernel').some(({ change }) => change?.to === 'FIN-WAIT-2');
    });
    const states = other.timeline
      .of('kernel')
      .flatMap(({ host, change }) => (host === 'client' ? change?.to : []));
    expect(states).toEqual(['SYN-SENT', 'ESTABLISHED']);
  });
});

describe.concurrent('one witness', () => {
  const EVENTS: Record<WitnessName, TimelineEvent['type'][]> = {
    'socket-table': ['sockets'],
    packets: ['captured', 'dropped', 'kernel-dropped'],
    'kernel-events': ['kernel'],
  };

  it.each(IDS)('of %s that is blind does not hinder two others, and one alone is not enough', async (id) => {
    const timeline = await play(scenarioOf(id), BRIEFLY);
    const { word: whole, held } = judge(timeline);
    expect(whole).toBe('proven');
    const agreeing = held.filter(({ agrees }) => agrees).map(({ witness }) => witness);
    expect(agreeing).toEqual(expect.arrayContaining(['socket-table', 'packets']));
    for (const [witness, types] of Object.entries(EVENTS) as [WitnessName, TimelineEvent['type'][]][]) {
      const left = agreeing.filter((each) => each !== witness);
      const { word, because } = judge(without(timeline, types));
      expect({ witness, word }).toEqual({ witness, word: left.length >= 2 ? 'proven' : 'unproven' });
      if (left.length < 2) expect(because).toContain(`${witness}: it saw nothing of this end`);
    }
    const alone = judge(without(timeline, ['captured', 'dropped', 'kernel-dropped', 'kernel']));
    expect(alone.word).toBe('unproven');
    expect(alone.because).toMatch(/^too few witnesses could see it \(packets: .*; kernel-events: .*\)$/);
    const none = judge(without(timeline, ['captured', 'dropped', 'kernel-dropped', 'kernel', 'sockets']));
    expect(none.word).toBe('unproven');
    expect(none.because).toMatch(/socket-table: .*packets: .*kernel-events: /);
  });

  it.each(IDS)('of %s that says something else disproves it: the socket table', async (id) => {
    const timeline = await play(scenarioOf(id), BRIEFLY);
    const { held, connection } = claimOf(timeline);
    const end = endOf(connection, held.host, held.state);
    const lie: State = held.state === 'ESTABLISHED' ? 'CLOSE-WAIT' : 'ESTABLISHED';
    const lying = mapped(timeline, (event) => {
      if (event.type !== 'sockets' || event.host !== held.host) return event;
      const others = event.rows.filter((each) => each !== rowOf(event.rows, end));
      return { ...event, rows: [...others, row(lie, end.local, end.remote)] };
    });
    expect(judge(lying)).toMatchObject({
      word: 'disproven',
      because: `socket-table of ${held.host}: saw ${lie}, not ${held.state}`,
    });
  });

  it.each(IDS)('of %s that says something else disproves it: packets', async (id) => {
    const timeline = await play(scenarioOf(id), BRIEFLY);
    const claim = claimOf(timeline);
    const lie = lieOfPackets(timeline, claim);
    const lying = mapped(timeline, (event) => event);
    for (const each of lie) lying.add(each);
    const { word, because } = judge(lying);
    expect(word).toBe('disproven');
    expect(because).toMatch(
      new RegExp(`^packets of ${claim.held.host}: saw [A-Z0-9-]+, not ${claim.held.state}$`),
    );
  });

  it.for(IDS)('of %s that says something else disproves it: kernel events', async (id, { skip }) => {
    if (currentPrivilege() !== 'root') skip('needs root: kernel events');
    const timeline = await play(scenarioOf(id), BRIEFLY);
    const { held, connection, atMs } = claimOf(timeline);
    const { local, remote: peer, listening } = endOf(connection, held.host, held.state);
    const remote = listening ? { address: '0.0.0.0', port: 0 } : peer;
    const lie: State = held.state === 'ESTABLISHED' ? 'CLOSE-WAIT' : 'ESTABLISHED';
    const lying = mapped(timeline, (event) => event);
    const change = { from: held.state, to: lie };
    const event = { atMs, host: held.host, name: 'inet_sock_set_state', local, remote, change } as const;
    // Of the very socket: another one on the same ports is not it.
    const own = timeline
      .of('kernel')
      .findLast((each) => each.host === held.host && sameEndpoint(each.remote, remote));
    const socket = own?.kernelSocket === undefined ? {} : { kernelSocket: own.kernelSocket };
    lying.add({ type: 'kernel', ...event, ...socket });
    expect(judge(lying)).toMatchObject({
      word: 'disproven',
      because: `kernel-events of ${held.host}: saw ${lie}, not ${held.state}`,
    });
  });

  it.each(IDS)('of %s that is alone with the truth does not outweigh another that lies', async (id) => {
    const timeline = without(await play(scenarioOf(id), BRIEFLY), ['captured', 'dropped', 'kernel']);
    const { held } = claimOf(timeline);
    const lying = mapped(timeline, (event) =>
      event.type === 'sockets' && event.host === held.host
        ? { ...event, rows: [listenerRow('127.0.0.1', 9)] }
        : event,
    );
    const { word } = judge(lying);
    // Of a connection that is CLOSED the table has no row anyway.
    expect(word).toBe(held.state === 'CLOSED' ? 'unproven' : 'disproven');
  });
});

/** Segments on their way just before the claim that show the held end in another state. */
function lieOfPackets(timeline: Timeline, { connection, held, atMs }: Claimed): TimelineEvent[] {
  const [own, other] = [connection[held.host], connection[otherHost(held.host)]];
  const { sendNext, receiveNext } = foldEnd(inputsOf(timeline, connection, held.host));
  const make = (direction: 'sent' | 'received', of: Pick<SegmentToEncode, 'flags' | 'seq' | 'ack'>) => {
    const [source, destination] = direction === 'sent' ? [own, other] : [other, own];
    const bytes = encodePacket({ source, destination, window: 0, ...of });
    const wire = decodePacket(bytes) as WirePacket;
    const base = { atMs, host: held.host, direction, wire, bytes: bytes.toString('base64') };
    return { type: 'captured', ...base } as const;
  };
  switch (held.state) {
    case 'CLOSED':
      return [make('sent', { flags: 'S', seq: 7, ack: null })];
    case 'LISTEN':
      return [
        make('received', { flags: 'S', seq: 7, ack: null }),
        make('sent', { flags: 'R.', seq: 0, ack: 8 }),
      ];
    case 'SYN-SENT':
      return [make('received', { flags: 'R.', seq: 0, ack: sendNext })];
    default:
      return [make('received', { flags: 'R', seq: receiveNext, ack: null })];
  }
}

function changed(timeline: Timeline, claim: Claimed, to: Claimed): Timeline {
  return mapped(timeline, (event) => (event === claim ? to : event));
}

function without(timeline: Timeline, types: TimelineEvent['type'][]): Timeline {
  return mapped(timeline, (event) => (types.includes(event.type) ? undefined : event));
}

function mapped(timeline: Timeline, map: (event: TimelineEvent) => TimelineEvent | undefined): Timeline {
  const copy = new Timeline();
  for (const event of timeline) {
    const other = map(event);
    if (other) copy.add(other);
  }
  return copy;
}
