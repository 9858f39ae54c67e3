import { type ConnectionEnd, endOf } from '../evidence/connection.ts';
import type { HostName } from '../evidence/events.ts';
import type { Timeline } from '../evidence/timeline.ts';
import { listenerOf, rowOf, stateInTable } from '../evidence/witness/socket-table.ts';
import { formatEndpoint } from '../tcp/endpoint.ts';
import { forecast } from '../tcp/forecast.ts';
import type { SocketRow } from '../tcp/socket-row.ts';
import type { TcpSysctls } from '../tcp/sysctls.ts';
import type { Waiting } from '../tcp/timers.ts';
import { formatMs, pad, wrap } from './layout.ts';
import { ruleReports } from './result.ts';
import type { Style } from './style.ts';

/** How a held connection stands now: both ends with their timers, the rules with their counters. */
export function statusLines(
  timeline: Timeline,
  tables: Record<HostName, readonly SocketRow[]>,
  sysctls: Record<HostName, TcpSysctls>,
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
    ...ends.flatMap((end) => endLines(end, tables[end.host], sysctls[end.host], style)),
    ...ruleReports(timeline).map(
      ({ host, rule, packets }) => `${host}  ${rule}: ${packets} ${packets === 1 ? 'packet' : 'packets'}`,
    ),
    held,
  ];
}

function endLines(
  end: ConnectionEnd,
  rows: readonly SocketRow[],
  sysctls: TcpSysctls,
  style: Style,
): string[] {
  const row = rowOf(rows, end) ?? (end.listening ? listenerOf(rows, end) : undefined);
  const state = style.bold(stateInTable(rows, end));
  const line = `${end.host}  ${pad(formatEndpoint(end.local), 20)} ${state}`;
  return row ? [line, ...timerLines(row, sysctls)] : [line];
}

/** What the kernel will do by itself, and which setting rules that. */
export function timerLines(row: SocketRow, sysctls: TcpSysctls): string[] {
  const { timer, nextMs, remaining, givesUpMs, nextState, because } = forecast(row, sysctls);
  const lines = timer === null || nextMs === null ? [because] : [soon(timer, nextMs, remaining), because];
  if (givesUpMs !== null) {
    const then = nextState ? `, then ${nextState}` : '';
    lines[0] += `; ${ENDS[timer ?? 'TIME-WAIT'] ?? 'gives up'} in about ${formatMs(givesUpMs)}${then}`;
  }
  return lines.map((line) => wrap(line, 80, INDENT));
}

/** A timer that only waits has nothing to send again. */
const ENDS: Partial<Record<Waiting, string>> = { 'FIN-WAIT-2': 'ends', 'TIME-WAIT': 'ends' };

function soon(timer: Waiting, nextMs: number, remaining: number | null): string {
  if (ENDS[timer]) return `${timer} timer`;
  const what = timer === 'data or FIN' ? 'retransmission' : timer;
  return `next ${what} in ${formatMs(nextMs)}${remaining === null ? '' : `, ${remaining} to come`}`;
}

const INDENT = ' '.repeat(8);
