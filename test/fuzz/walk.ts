import { type Connection, endOf } from '../../src/evidence/connection.ts';
import type { HostName } from '../../src/evidence/events.ts';
import { isUnexplained, stateHistoryOf, type Transition } from '../../src/evidence/transitions.ts';
import { kernelEvents } from '../../src/evidence/witness/kernel-events.ts';
import { packets } from '../../src/evidence/witness/packets.ts';
import { stateInTable } from '../../src/evidence/witness/socket-table.ts';
import type { Observation, Witness } from '../../src/evidence/witness/witness.ts';
import { Lab } from '../../src/lab/lab.ts';
import type { State } from '../../src/tcp/state.ts';
import { type Walk, Walker } from './deeds.ts';

/** What the socket table said after a step, some time from `fromMs` to `untilMs`. */
interface Look {
  step: number;
  fromMs: number;
  untilMs: number;
  states: Record<HostName, State>;
}

/** How many steps were taken, how often the packets were asked for a state, and how often they named just one. */
export interface Tally {
  steps: number;
  asked: number;
  definite: number;
}

const HOSTS = ['client', 'server'] as const;
const WITNESSES: readonly Witness[] = [packets, kernelEvents];

/** Stamps of packets and of kernel events come from two clocks. */
const CLOCKS_AGREE_MS = 0.05;

/**
 * Takes a walk in a lab of its own, and compares afterwards what the socket table, the packets and the kernel events tell of
 * each moment, and that each transition has an arc. Throws with the lines of what does not agree.
 */
export async function walk({ family, firewall, deeds }: Walk, tally: Tally): Promise<void> {
  await using lab = await Lab.open({ family, firewall });
  const connection = { client: lab.nextClientEndpoint(), server: lab.serverEndpoint() };
  const walker = new Walker(lab, connection);
  const looks: Look[] = [];
  for (const [step, deed] of deeds.entries()) {
    await walker.take(deed);
    looks.push(await look(lab, connection, step));
    tally.steps++;
  }
  await lab.count();
  const complaints = [
    ...HOSTS.flatMap((host) =>
      WITNESSES.flatMap((witness) => contradictions(lab, connection, host, witness, looks, tally)),
    ),
    ...unexplained(lab, connection),
  ];
  if (complaints.length > 0) throw new Error([...complaints, ...story(lab, looks, deeds)].join('\n'));
}

async function look(lab: Lab, connection: Connection, step: number): Promise<Look> {
  const fromMs = lab.nowMs();
  const tables = await lab.observe();
  const [client, server] = HOSTS.map((host) => stateInTable(tables[host], endOf(connection, host, 'CLOSED')));
  return { step, fromMs, untilMs: lab.nowMs(), states: { client, server } as Look['states'] };
}

function contradictions(
  lab: Lab,
  connection: Connection,
  host: HostName,
  witness: Witness,
  looks: readonly Look[],
  tally: Tally,
): string[] {
  const sights = witness.follow(lab.timeline, endOf(connection, host, 'CLOSED'));
  return looks.flatMap(({ step, fromMs, untilMs, states }) => {
    const possible = sightsWithin(sights, fromMs - CLOCKS_AGREE_MS, untilMs + CLOCKS_AGREE_MS);
    const last = possible.at(-1);
    if (witness === packets) {
      tally.asked++;
      if (last?.states.length === 1) tally.definite++;
    }
    const fits = possible.some((sight) => sight.states.length === 0 || tells(sight, states[host]));
    if (fits || possible.length === 0) return [];
    const said = possible.map((sight) => sight.states.join(' or ')).join(', then ');
    return [`step ${step}: ${host} is ${states[host]} in the socket table; ${witness.name}: ${said}`];
  });
}

/** A connection without a socket is CLOSED in the table, also where a listener waits for the next one. */
function tells({ states }: Observation, state: State): boolean {
  return states.includes(state) || (state === 'CLOSED' && states.includes('LISTEN'));
}

/** None if the witness knew nothing before: then what it first says may be of what came right after. */
function sightsWithin(sights: readonly Observation[], fromMs: number, untilMs: number): Observation[] {
  const before = sights.findLast(({ atMs }) => atMs <= fromMs);
  const during = sights.filter(({ atMs }) => atMs > fromMs && atMs <= untilMs);
  return before ? [before, ...during] : [];
}

function unexplained(lab: Lab, connection: Connection): string[] {
  const { transitions } = stateHistoryOf(lab.timeline, connection);
  return transitions
    .filter((transition) => isUnexplained(transition) && !isLinuxAlone(lab, transition, transitions))
    .map(
      ({ atMs, host, from, to, source }) =>
        `${atMs.toFixed(3)} ms: no arc for ${from} → ${to} of ${host}, told by ${source}`,
    );
}

/** What RFC 9293 does not have. */
function isLinuxAlone(lab: Lab, { host, from, to, atMs }: Transition, all: readonly Transition[]): boolean {
  // A request outlives its listener until a segment arrives (tcp_ipv4.c, tcp_v4_rcv).
  if (from === 'SYN-RECEIVED') return hasClosedListener(lab, host, atMs);
  if (to !== 'CLOSED') return false;
  // connect() may take the ports of a TIME-WAIT, or of an orphan (net/ipv4/tcp_ipv4.c, tcp_twsk_unique).
  const next = all.find((later) => later.host === host && later.atMs >= atMs && later.from === 'CLOSED');
  if (from === 'TIME-WAIT' || from === 'FIN-WAIT-2') return next?.to === 'SYN-SENT' && next.atMs - atMs < 1;
  // Text beyond the peer's FIN ends a connection (tcp_input.c, tcp_rcv_state_process).
  const hasFin = from === 'CLOSE-WAIT' || from === 'CLOSING' || from === 'LAST-ACK';
  const counted = lab.timeline.of('counted').findLast((event) => event.host === host);
  return hasFin && (counted?.counters['TcpExtTCPAbortOnData'] ?? 0) > 0;
}

function hasClosedListener(lab: Lab, host: HostName, untilMs: number): boolean {
  return lab.timeline
    .of('kernel')
    .some(
      (event) =>
        event.host === host &&
        event.remote.port === 0 &&
        event.change?.from === 'LISTEN' &&
        event.atMs <= untilMs,
    );
}

/** What was done and what was on the wire, in the order of time. */
function story(lab: Lab, looks: readonly Look[], deeds: Walk['deeds']): string[] {
  const lines: [number, string][] = looks.map(({ step, fromMs, states }) => [
    fromMs,
    `step ${step} ${JSON.stringify(deeds[step])}: ${states.client} | ${states.server}`,
  ]);
  for (const event of lab.timeline) {
    if (event.type === 'call')
      lines.push([event.atMs, `  ${event.host} ${event.call} ${event.detail} = ${event.result}`]);
    if (event.type === 'kernel' && event.change)
      lines.push([event.atMs, `  ${event.host} kernel: ${event.change.from} → ${event.change.to}`]);
    if (event.type === 'lost') lines.push([event.atMs, `  lost by ${event.witness}: ${event.what}`]);
    if (event.type !== 'captured' && event.type !== 'dropped' && event.type !== 'crafted') {
      if (event.type === 'kernel-dropped')
        lines.push([event.atMs, `  ${event.host} kernel dropped: ${event.reason}`]);
      continue;
    }
    const { wire, host, type } = event;
    const how = type === 'captured' ? event.direction : type;
    const what =
      wire.kind === 'icmp'
        ? `icmp ${wire.error.meaning}`
        : `[${wire.segment.flags}] seq ${wire.segment.seq} ack ${wire.segment.ack} len ${wire.segment.length} win ${wire.segment.window}`;
    lines.push([event.atMs, `  ${host} ${how} ${what}`]);
  }
  return lines.sort(([a], [b]) => a - b).map(([atMs, text]) => `${atMs.toFixed(3)} ${text}`);
}
