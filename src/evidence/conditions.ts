import { sameEndpoint } from '../tcp/endpoint.ts';
import type { Segment } from '../tcp/segment.ts';
import type { SocketRow, SocketTimer } from '../tcp/socket-row.ts';
import { boxDropsOf, stillTracked } from './box.ts';
import type { Condition } from './condition-names.ts';
import { endOf, isSelf } from './connection.ts';
import { type Claimed, type Held, type HostName, otherHost, type SocketsSeen } from './events.ts';
import { type Passage, passages } from './segments.ts';
import type { Timeline } from './timeline.ts';
import { listenerOf, rowOf } from './witness/socket-table.ts';

/**
 * What of a claim's conditions did not hold through the whole hold, in one sentence; null if all did. The rules that were set
 * when the state was claimed are a condition of every claim.
 */
export function brokenCondition(timeline: Timeline, claim: Claimed, hold: Held): string | null {
  const wrongRule = liftedRule(timeline, claim, hold) ?? idleRules(timeline, claim);
  if (wrongRule) return wrongRule;
  for (const condition of claim.conditions ?? []) {
    const { host, broken } = CHECKS[condition];
    const at = host === 'held' ? claim.held.host : host;
    for (const { atMs, rows } of tablesDuring(timeline, at, hold)) {
      const why = broken(rows, claim, timeline, atMs);
      if (why) return atMs <= hold.fromMs ? why : `${why}, ${intoTheHold(atMs, hold)}`;
    }
  }
  return null;
}

interface Check {
  /** The host whose table shows it. */
  host: 'held' | 'server';
  /** Why it does not hold by these rows; null if it does. */
  broken: (rows: readonly SocketRow[], claim: Claimed, timeline: Timeline, atMs: number) => string | null;
}

const CHECKS: Record<Condition, Check> = {
  bound: {
    host: 'held',
    broken: (rows, claim, timeline) => {
      const local = claim.connection[claim.held.host];
      const isListed = rows.some((row) => row.remote.port === 0 && sameEndpoint(row.local, local));
      return isListed || (!listsBound(timeline, claim) && isBoundByCall(timeline, claim))
        ? null
        : `the ${claim.held.host} has no socket bound to port ${local.port}`;
    },
  },
  'persist-timer': timerRuns('probe', 'persist'),
  'descriptor-open': {
    host: 'held',
    broken: (rows, claim) =>
      heldRow(rows, claim)?.inode === 0 ? `the ${claim.held.host} has no descriptor open` : null,
  },
  orphaned: noDescriptor('still has a descriptor open'),
  'never-accepted': noDescriptor('has accepted the connection'),
  'accept-queue-full': {
    host: 'server',
    broken: (rows, claim) => {
      const listener = listenerOf(rows, endOf(claim.connection, 'server', 'LISTEN'));
      // Full when there are more than the backlog (net/core/request_sock.c).
      return listener && listener.receiveQueue > listener.sendQueue
        ? null
        : 'the accept queue of the server is not full';
    },
  },
  'retransmission-timer': timerRuns('retransmission', 'retransmission'),
  'fin-unsent': {
    host: 'held',
    broken: (rows, claim, timeline, atMs) => {
      const isSent = sentBy(claim, timeline, atMs).some(({ flags }) => flags.includes('F'));
      // A FIN that waits for its ACK counts as one byte.
      const isWaiting = (heldRow(rows, claim)?.sendQueue ?? 0) > 1;
      return isWaiting && !isSent ? null : `the FIN of the ${claim.held.host} does not wait behind data`;
    },
  },
  'accept-deferred': {
    host: 'server',
    broken: (_rows, claim, timeline, atMs) =>
      deferS(timeline, claim, atMs) > 0
        ? null
        : 'the listener of the server does not defer (TCP_DEFER_ACCEPT)',
  },
  'data-on-syn': {
    host: 'held',
    broken: (_rows, claim, timeline, atMs) => {
      const syns = sentBy(claim, timeline, atMs).filter(({ flags }) => flags === 'S');
      // Unknown if the capture has no SYN.
      return syns.length === 0 || syns.some(({ length }) => length > 0)
        ? null
        : `the SYN of the ${claim.held.host} carried no data`;
    },
  },
  'after-time-wait': {
    host: 'held',
    broken: (_rows, claim, timeline) => {
      const before = timeline
        .of('sockets')
        .filter(({ atMs, host }) => host === claim.held.host && atMs <= claim.atMs);
      const was = before.some(({ rows }) => heldRow(rows, claim)?.state === 'TIME-WAIT');
      return was ? null : `the ${claim.held.host} was not in TIME-WAIT before`;
    },
  },
  'own-peer': {
    host: 'held',
    broken: (_rows, claim) =>
      isSelf(claim.connection) ? null : `the ${claim.held.host} is not connected to itself`,
  },
  'refused-by-peer': {
    host: 'held',
    broken: (_rows, claim, timeline) => {
      const isStray = ({ origin, wire, host }: Passage) =>
        origin === 'outside' && wire.kind === 'tcp' && host !== claim.held.host;
      return passages(timeline, claim.connection).some(isStray)
        ? `the RST did not come from the ${otherHost(claim.held.host)}`
        : null;
    },
  },
  'forgotten-by-box': {
    host: 'held',
    broken: (_rows, claim, timeline, atMs) =>
      stillTracked(timeline, claim.connection, claim.atMs, Math.max(atMs, claim.atMs)),
  },
  'dropped-by-box': {
    host: 'held',
    broken: (_rows, claim, timeline, atMs) =>
      boxDropsOf(timeline, claim.connection).some((drop) => drop.atMs <= Math.max(atMs, claim.atMs))
        ? null
        : 'the box dropped no packet of the connection',
  },
};

function timerRuns(timer: SocketTimer, name: string): Check {
  return {
    host: 'held',
    broken: (rows, claim) => {
      const row = heldRow(rows, claim);
      return row?.timer === timer || isTimerAtWork(row)
        ? null
        : `the ${name} timer of the ${claim.held.host} does not run`;
    },
  };
}

function noDescriptor(otherwise: string): Check {
  return {
    host: 'held',
    broken: (rows, claim) =>
      (heldRow(rows, claim)?.inode ?? 0) === 0 ? null : `the ${claim.held.host} ${otherwise}`,
  };
}

function heldRow(rows: readonly SocketRow[], { connection, held }: Claimed): SocketRow | undefined {
  return rowOf(rows, endOf(connection, held.host, held.state));
}

/** What the held end has sent by then, by its host's capture. */
function sentBy({ connection, held }: Claimed, timeline: Timeline, untilMs: number): Segment[] {
  const { local, remote } = endOf(connection, held.host, held.state);
  return timeline.of('captured').flatMap(({ atMs, host, direction, wire }) => {
    if (atMs > untilMs || host !== held.host || direction !== 'sent' || wire.kind !== 'tcp') return [];
    const { source, destination } = wire.segment;
    return sameEndpoint(source, local) && sameEndpoint(destination, remote) ? [wire.segment] : [];
  });
}

/** TCP_DEFER_ACCEPT of the server's listener by then, by what tcplab has set last or its program has. */
function deferS(timeline: Timeline, { connection }: Claimed, untilMs: number): number {
  const set = timeline
    .of('call')
    .findLast(
      ({ atMs, host, detail }) =>
        atMs <= untilMs && host === 'server' && detail.startsWith('TCP_DEFER_ACCEPT '),
    );
  const read = timeline
    .of('socket-options')
    .findLast(
      ({ atMs, host, local }) =>
        atMs <= untilMs && host === 'server' && local.port === connection.server.port,
    );
  return Number(set?.detail.split(' ')[1] ?? read?.options?.['TCP_DEFER_ACCEPT'] ?? 0);
}

/** Whether this kernel lists sockets that are only bound (Linux 6.8): it has listed one. */
function listsBound(timeline: Timeline, { held, connection }: Claimed): boolean {
  const local = connection[held.host];
  return timeline
    .of('sockets')
    .some(({ host, rows }) => host === held.host && rows.some((row) => sameEndpoint(row.local, local)));
}

/** Whether tcplab has bound it and not closed it. */
function isBoundByCall(timeline: Timeline, { held, connection }: Claimed): boolean {
  const calls = timeline.of('call').filter(({ host }) => host === held.host);
  const port = `:${connection[held.host].port}`;
  const bind = calls.find(({ call, detail, result }) => {
    return call === 'bind' && result === 'ok' && detail.endsWith(port);
  });
  return bind !== undefined && !calls.some(({ call, socket }) => call === 'close' && socket === bind.socket);
}

function liftedRule(timeline: Timeline, claim: Claimed, hold: Held): string | null {
  const lifted = timeline.of('rule-lifted');
  for (const { rule, host, text } of timeline.of('rule-set').filter(({ atMs }) => atMs <= claim.atMs)) {
    const end = lifted.find((event) => event.rule === rule && event.host === host);
    if (end && end.atMs > claim.atMs && end.atMs <= hold.atMs)
      return `rule ${rule} of the ${host} (${text}) was removed ${intoTheHold(end.atMs, hold)}`;
  }
  return null;
}

/** Rules of which none has dropped a packet of the connection hold nothing: something else does. */
function idleRules(timeline: Timeline, { atMs: untilMs, connection }: Claimed): string | null {
  const rules = timeline.of('rule-set').filter(({ atMs }) => atMs <= untilMs);
  const [first] = rules;
  if (!first) return null;
  const isIdle = ({ rule, host }: { rule: number; host: HostName }) =>
    timeline.of('rule-counted').findLast((event) => event.rule === rule && event.host === host)?.packets ===
    0;
  // Logs may lose some of what the counters have.
  const isLogged = timeline.leftOut === null && timeline.of('lost').length === 0;
  const hasDropped = ({ fate }: Passage) => typeof fate === 'object' && 'dropped' in fate;
  const story = passages(timeline, connection);
  const seesNone = isLogged && story.length > 0 && !story.some(hasDropped);
  if (!seesNone && !rules.every(isIdle)) return null;
  return `rule ${first.rule} of the ${first.host} (${first.text}) matched no packet of the connection, so it is not what holds the state`;
}

/** What was in force when the hold began, all that came until its end, and what was in force then. */
function tablesDuring(timeline: Timeline, host: HostName, hold: Held): SocketsSeen[] {
  const tables = timeline.of('sockets').filter((table) => table.host === host && table.atMs <= hold.atMs);
  const first = tables.findLastIndex(({ atMs }) => atMs <= hold.fromMs);
  const last = tables.at(-1);
  return [...tables.slice(Math.max(first, 0)), ...(last ? [{ ...last, atMs: hold.atMs }] : [])];
}

/**
 * While it sends again, the kernel shows no timer (tcp_write_timer_handler clears icsk_pending first), and the table is read
 * without the socket's lock. At any other moment, a socket with unacknowledged data has a timer.
 */
function isTimerAtWork(row: SocketRow | undefined): boolean {
  return row?.timer === 'none' && row.sendQueue > 0;
}

/** `50.0 ms into the hold`, `5.1 s into the hold` */
export function intoTheHold(atMs: number, hold: Held): string {
  const ms = atMs - hold.fromMs;
  return `${ms < 1000 ? `${ms.toFixed(1)} ms` : `${(ms / 1000).toFixed(1)} s`} into the hold`;
}
