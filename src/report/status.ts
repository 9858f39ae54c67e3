import { type ConnectionEnd, endOf } from '../evidence/connection.ts';
import type { HostName } from '../evidence/events.ts';
import type { Timeline } from '../evidence/timeline.ts';
import { listenerOf, rowOf, stateInTable } from '../evidence/witness/socket-table.ts';
import { formatEndpoint } from '../tcp/endpoint.ts';
import type { SocketRow } from '../tcp/socket-row.ts';
import { formatMs, pad } from './layout.ts';
import { ruleReports } from './result.ts';
import type { Style } from './style.ts';

/** How a held connection stands now: both ends with their timers, the rules with their counters. */
export function statusLines(
  timeline: Timeline,
  tables: Record<HostName, readonly SocketRow[]>,
  nowMs: number,
  style: Style,
): string[] {
  const claim = timeline.of('claimed')[0];
  if (!claim) return [];
  const ends = (['client', 'server'] as const).map((host) => {
    const state = host === claim.held.host ? claim.held.state : claim.peer;
    return endOf(claim.connection, host, state ?? 'CLOSED');
  });
  const held = `${formatMs(nowMs - claim.atMs)} in ${claim.held.state}, reached in ${formatMs(claim.reachedMs)}`;
  return [
    '',
    ...ends.map((end) => endLine(end, tables[end.host], style)),
    ...ruleReports(timeline).map(({ host, rule, packets }) => `${host}  ${rule}: ${packets} packets`),
    held,
  ];
}

function endLine(end: ConnectionEnd, rows: readonly SocketRow[], style: Style): string {
  const row = rowOf(rows, end) ?? (end.listening ? listenerOf(rows, end) : undefined);
  const state = style.bold(pad(stateInTable(rows, end), 13));
  return `${end.host}  ${pad(formatEndpoint(end.local), 20)} ${state} ${row ? timerText(row) : ''}`.trimEnd();
}

function timerText({ timer, expiresMs, retransmits }: SocketRow): string {
  if (timer === 'none') return 'no timer';
  const sent = retransmits > 0 ? `, ${retransmits} sent` : '';
  return `${timer} in ${formatMs(expiresMs ?? 0)}${sent}`;
}
