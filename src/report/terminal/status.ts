import { type Connection, endOf, hostsOf } from '../../evidence/connection.ts';
import { counted } from '../../evidence/counted.ts';
import type { HostName } from '../../evidence/events.ts';
import { outlookOf } from '../../evidence/outlook.ts';
import type { Timeline } from '../../evidence/timeline.ts';
import { listenerOf, rowOf, stateInTable } from '../../evidence/witness/socket-table.ts';
import { formatEndpoint } from '../../tcp/endpoint.ts';
import type { Forecast } from '../../tcp/forecast.ts';
import type { SocketRow } from '../../tcp/socket-row.ts';
import type { TcpSysctls } from '../../tcp/sysctls.ts';
import type { Waiting } from '../../tcp/timers.ts';
import { boxLine, boxReport } from '../story/box-report.ts';
import { ruleReports } from '../story/result.ts';
import { formatMs } from '../words/time.ts';
import { pad, wrapBeside } from './layout.ts';
import type { Style } from './style.ts';
import { NO_BREAK_SPACE } from './text.ts';

/** A held connection now: both ends with their timers, the rules with their counters. No line is wider than `columns`. */
export function statusLines(
  timeline: Timeline,
  tables: Record<HostName, readonly SocketRow[]>,
  sysctls: Record<HostName, TcpSysctls>,
  nowMs: number,
  { style, columns }: { style: Style; columns: number },
): string[] {
  const claim = timeline.of('claimed')[0];
  if (!claim) return [];
  const ends = hostsOf(claim.connection).map((host) => {
    const state = host === claim.held.host ? claim.held.state : claim.peer;
    return endOf(claim.connection, host, state ?? 'CLOSED');
  });
  const held = `${formatMs(nowMs - claim.atMs)} in ${claim.held.state}, reached in ${formatMs(claim.reachedMs)}`;
  const width = Math.max(...ends.map(({ local }) => formatEndpoint(local).length));
  return [
    '',
    ...ends.flatMap((end) => {
      const rows = tables[end.host];
      const row = rowOf(rows, end) ?? (end.listening ? listenerOf(rows, end) : undefined);
      const state = stateInTable(rows, end);
      const local = pad(formatEndpoint(end.local), width);
      const [first = '', ...rest] = wrapBeside(`${end.host}  `, `${local}  ${state}`, columns);
      const lines = [first, ...rest].map((line) => line.replace(state, style.bold));
      if (!row) return lines;
      const forecast = outlookOf(end.host, row, { timeline, tables, sysctls, nowMs });
      return [...lines, ...forecastLines(forecast, columns)];
    }),
    ...boxLines(timeline, claim.connection, columns),
    ...ruleLines(timeline, columns),
    ...wrapBeside('', held, columns),
  ];
}

/** What the box has of the connection, and how many packets of it each rule has dropped. */
function boxLines(timeline: Timeline, connection: Connection, columns: number): string[] {
  const { box } = boxReport(timeline, connection);
  if (!box) return [];
  const rules = box.rules.map(({ rule, packets }) => `${rule}: ${counted(packets, 'packet')}`);
  const entry = boxLine({ ...box, rules: [] }).replace('box: ', '');
  return [entry, ...rules.map((rule) => rule.replace(/^box /, ''))].flatMap((text) =>
    wrapBeside('box  ', text, columns),
  );
}

function ruleLines(timeline: Timeline, columns: number): string[] {
  const set = timeline.of('rule-set');
  return ruleReports(timeline).flatMap(({ host, rule, packets, liftedMs }, index) => {
    const met = `${rule}: ${counted(packets, 'packet')}`;
    const lastedMs = liftedMs === undefined ? null : liftedMs - (set[index]?.atMs ?? 0);
    const removed = lastedMs === null ? '' : `(removed after ${formatMs(lastedMs)})`;
    // No line breaks within it.
    const text = [met, ...(removed ? [removed.replaceAll(' ', NO_BREAK_SPACE)] : [])].join(' ');
    return wrapBeside(`${host}  `, text, columns).map((line) => line.replaceAll(NO_BREAK_SPACE, ' '));
  });
}

/** What the kernel's timers will do, and which setting controls that. */
export function forecastLines(forecast: Forecast, columns = 80): string[] {
  const { timer, nextMs, remaining, because } = forecast;
  const texts = [because];
  if (timer !== null && nextMs !== null) {
    const [next, end] = [nextStep(timer, nextMs, remaining), endText(timer, forecast)];
    texts.unshift(
      [next, end].filter(Boolean).join(forecast.givesUpMs === null && forecast.atMostMs === null ? '' : '; '),
    );
  }
  return texts.flatMap((text) => wrapBeside(' '.repeat(8), text, columns));
}

/** What these timers wait for is the end itself. */
const ONLY_WAITS: ReadonlySet<Waiting> = new Set(['FIN-WAIT-2', 'TIME-WAIT']);

const SENDS: Partial<Record<Waiting, string>> = {
  SYN: 'retransmits the SYN',
  'SYN-ACK': 'retransmits the SYN-ACK',
  'SYN-ACK of a simultaneous open': 'retransmits the SYN-ACK',
  'data or FIN': 'retransmits',
  'zero-window probe': 'sends a zero-window probe',
  'keepalive probe': 'sends a keepalive probe',
};

/** `retransmits the SYN in 1.0 s (10 left)` */
function nextStep(timer: Waiting, nextMs: number, remaining: number | null): string {
  const what = SENDS[timer];
  if (what === undefined) return '';
  if (remaining === 0) return 'sends nothing more';
  return `${what} in ${formatMs(nextMs)}${remaining === null ? '' : ` (${remaining} left)`}`;
}

/** `times out in about 2 min 14 s, then CLOSED` */
function endText(timer: Waiting, { givesUpMs, atMostMs, nextState, unless }: Forecast): string {
  const what = ONLY_WAITS.has(timer) ? `${timer} ends` : 'times out';
  const then = [nextState ? `, then ${nextState}` : '', unless ? `, unless ${unless}` : ''].join('');
  if (givesUpMs !== null) return `${what} in about ${formatMs(givesUpMs)}${then}`;
  return atMostMs === null ? then : `${what} within about ${formatMs(atMostMs)}${then}`;
}
