import { type Connection, type ConnectionEnd, endOf, peerHost } from '../../evidence/connection.ts';
import { dropWords } from '../../evidence/drop-reasons.ts';
import type { Held, HostName, RuleSet } from '../../evidence/events.ts';
import { ofHosts } from '../../evidence/host-name.ts';
import type { Timeline } from '../../evidence/timeline.ts';
import { unreached } from '../../evidence/unreached.ts';
import { judge } from '../../evidence/verdict.ts';
import { listenerOf, rowOf, stateInTable } from '../../evidence/witness/socket-table.ts';
import { formatEndpoint } from '../../tcp/endpoint.ts';
import type { SocketRow } from '../../tcp/socket-row.ts';
import type { State } from '../../tcp/state.ts';
import { sameConnection } from '../story/connections.ts';
import type { Flight } from '../story/flight.ts';
import { labelText } from '../story/label.ts';
import type { Moment } from '../story/moment.ts';
import { storyOf } from '../story/story.ts';
import { timerText } from '../story/timer-text.ts';
import { unreachedLine } from '../story/unreached-line.ts';
import type { Act, Change, FlightView, RuleView, Table, TableRow, View, WitnessView } from './view-model.ts';

/**
 * Computes what a page shows of a timeline. `about`: the lab's purpose, if there is no claim; `hold`: the hold so far,
 * if it is running; `shown`: one of several connections, whether or not it was claimed.
 */
export function viewOf(
  timeline: Timeline,
  about: { name: string; title: string },
  hold: Held | undefined = timeline.of('held')[0],
  shown?: Connection,
  how: 'anyway' | 'alone' = 'anyway',
): View {
  const { claim, connection, transitions, moments } = storyOf(timeline, shown, shown && how);
  const aim = claim ?? timeline.of('gave-up')[0];
  const events = [...timeline];
  const endMs = Math.max(events.at(-1)?.atMs ?? 0, hold?.atMs ?? 0);
  const ends = connection && {
    client: endOf(connection, 'client', 'CLOSED'),
    server: endOf(connection, 'server', 'CLOSED'),
  };
  const { word, because, ...testimonies } = judge(timeline, hold);
  return {
    ...about,
    verdict: aim ? { word, because } : null,
    held: aim?.held ?? null,
    hosts: ofHosts((host) => ({
      endpoint: ends ? formatEndpoint(ends[host].local) : addressOf(timeline, host),
    })),
    fromMs: moments[0]?.atMs ?? events[0]?.atMs ?? 0,
    toMs: endMs,
    hold: claim ? { fromMs: claim.atMs, toMs: hold?.atMs ?? null } : null,
    initial: ofHosts((host) => initialState(timeline, host, ends?.[host])),
    changes: transitions.map(
      ({ atMs, host, from, to, arc, why, source, seenBy }): Change => ({
        ...{ atMs, host, from, to, ...(why && { why }), source, seenBy },
        arc: arc && { number: arc.number, trigger: arc.trigger, clause: arc.clause },
      }),
    ),
    flights: moments.flatMap((moment) =>
      moment.what === 'departure' ? [flightView(moment.flight, connection)] : [],
    ),
    acts: moments.flatMap((moment): Act[] => (moment.what === 'call' ? [actOf(moment)] : [])),
    rules: timeline.of('rule-set').map((rule) => ruleView(timeline, rule)),
    tables: tablesOf(timeline, ends),
    witnesses: claim
      ? [
          ...witnessViews(claim.held.host, testimonies.held),
          ...witnessViews(peerHost(claim.connection, claim.held.host), testimonies.peer),
        ]
      : [],
    notes: [
      ...moments.flatMap(({ atMs, ...moment }) =>
        moment.what === 'note' ? [{ atMs, text: moment.text }] : [],
      ),
      ...unreached(timeline)
        .filter(({ why }) => why === 'no socket')
        .map((one) => ({ atMs: endMs, text: unreachedLine(one) })),
    ],
  };
}

function addressOf(timeline: Timeline, host: HostName): string {
  return timeline.of('lab-opened')[0]?.addresses[host] ?? '';
}

function initialState(timeline: Timeline, host: HostName, end: ConnectionEnd | undefined): State {
  const first = timeline.of('sockets').find((event) => event.host === host);
  return first && end ? stateInTable(first.rows, { ...end, listening: true }) : 'CLOSED';
}

/** A flight that is settled has one view. */
const flightViews = new WeakMap<Flight, FlightView>();

function flightView(flight: Flight, shown: Connection | undefined): FlightView {
  const isOther = shown !== undefined && !sameConnection(flight.connection, shown);
  const known = flightViews.get(flight);
  if (known?.isOther === isOther) return known;
  const view = { ...newFlightView(flight), isOther };
  flightViews.set(flight, view);
  return view;
}

function newFlightView(flight: Flight): Omit<FlightView, 'isOther'> {
  const { from, departsMs, arrivesMs, flags, label, ending, origin, numbers, bytes } = flight;
  const dropped = ending.what === 'dropped';
  return {
    ...{ from, departsMs, arrivesMs, flags },
    label: labelText(label),
    ending: dropped
      ? ending.hook === 'out'
        ? 'dropped at its sender'
        : 'dropped at its receiver'
      : ending.what,
    rule: dropped && typeof ending.by === 'number' ? ending.by : null,
    reason: reasonOf(ending),
    numbers: numbers && { seq: numbers.seq, ack: numbers.ack },
    bytes: bytes.slice(0, BYTES_SHOWN),
    crafted: origin !== 'tcp',
  };
}

function reasonOf(ending: Flight['ending']): string | null {
  if (ending.what === 'lost') return ending.by ?? null;
  return ending.what === 'dropped' && typeof ending.by === 'string' ? dropWords(ending.by) : null;
}

/** As base64, 120 bytes: the longest headers, and the beginning of the data. */
const BYTES_SHOWN = 160;

function actOf({ atMs, host, text, port }: Extract<Moment, { what: 'call' }>): Act {
  return { atMs, host, text: port === null ? text : `${text} :${port}` };
}

function ruleView(timeline: Timeline, { rule, host, hook, text, nft, iptables, atMs }: RuleSet): RuleView {
  const isIts = (event: { rule: number }) => event.rule === rule;
  return {
    ...{ number: rule, host, hook, text, nft, iptables, setMs: atMs },
    liftedMs: timeline.of('rule-lifted').find(isIts)?.atMs ?? null,
    counts: timeline
      .of('rule-counted')
      .filter(isIts)
      .map(({ atMs, packets }) => ({ atMs, packets })),
  };
}

function tablesOf(timeline: Timeline, ends: Record<HostName, ConnectionEnd> | undefined): Table[] {
  const owners = new Map<number, string>();
  for (const { inode, name, pid, fd } of timeline.of('socket-owned')) {
    owners.set(inode, `${name}, pid ${pid}, fd ${fd}`);
  }
  return timeline.of('sockets').map(({ atMs, host, rows }) => {
    const own = ends && (rowOf(rows, ends[host]) ?? listenerOf(rows, ends[host]));
    const tableRows = rows.map((row) => rowView(row, owners.get(row.inode) ?? '', row === own));
    return { atMs, host, rows: tableRows };
  });
}

function rowView(row: SocketRow, process: string, isOwn: boolean): TableRow {
  const { state, receiveQueue, sendQueue, local, remote } = row;
  return {
    ...{ state, receiveQueue, sendQueue, process, isOwn, timer: timerText(row) },
    local: formatEndpoint(local),
    remote: remote.port === 0 ? '*' : formatEndpoint(remote),
  };
}

function witnessViews(host: HostName, testimonies: Omit<WitnessView, 'host'>[]): WitnessView[] {
  return testimonies.map(({ witness, says, agrees, why }) => ({ host, witness, says, agrees, why }));
}
