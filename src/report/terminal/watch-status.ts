import { counted } from '../../evidence/counted.ts';
import type { HostName } from '../../evidence/events.ts';
import { ruleWords } from '../../evidence/foreign-rules.ts';
import { outlookOf } from '../../evidence/outlook.ts';
import type { Timeline } from '../../evidence/timeline.ts';
import type { VerdictWord } from '../../evidence/verdict.ts';
import { holdersOf } from '../../evidence/watch/holders.ts';
import {
  type SeenConnection,
  type SeenEnd,
  type Stay,
  seenOn,
} from '../../evidence/watch/seen-connections.ts';
import { isOpen, rulesInForce, stateOf } from '../../evidence/watch/view.ts';
import { formatEndpoint, sameEndpoint } from '../../tcp/endpoint.ts';
import type { SocketRow } from '../../tcp/socket-row.ts';
import type { TcpSysctls } from '../../tcp/sysctls.ts';
import { formatMs } from '../words/time.ts';
import { pad, wrapBeside } from './layout.ts';
import { forecastLines } from './status.ts';
import type { Style } from './style.ts';
import { NO_BREAK_SPACE } from './text.ts';
import { holderText, queueText } from './watch-lines.ts';

/** More open connections than these are only counted: the latest are shown. */
const MOST_SHOWN = 8;

/** What is known of a lab that is watched, now. */
interface WatchedNow {
  timeline: Timeline;
  tables: Record<HostName, readonly SocketRow[]>;
  sysctls: Record<HostName, TcpSysctls>;
  nowMs: number;
  /** The verdict on what an end is in; undefined while it is too short. */
  verdictOf: (stay: Stay) => VerdictWord | undefined;
}

/** The connections that are open now, with their timers, the listeners, and the rules with their counters. */
export function watchStatusLines(
  now: WatchedNow,
  { style, columns }: { style: Style; columns: number },
): string[] {
  const { connections, listeners } = seenOn(now.timeline);
  const open = connections.filter(isOpen);
  const shown = open.slice(-MOST_SHOWN);
  const more = open.length - shown.length;
  const counts = [
    counted(open.length, 'open connection'),
    ...(connections.length > open.length ? [`${connections.length - open.length} closed`] : []),
  ];
  return [
    '',
    ...wrapBeside('', counts.join(', ') + (more > 0 ? `; the last ${MOST_SHOWN} are below` : ''), columns),
    // Above the connections, which may be more than the rows of a terminal.
    ...(['client', 'server'] as const).flatMap((host) => ruleLines(now, host, columns)),
    ...listeners.filter(({ row }) => row !== null).flatMap((end) => listenerLines(now, end, style, columns)),
    ...shown.flatMap((one) => connectionLines(now, one, style, columns)),
    ...insideLines(now, style, columns),
  ];
}

function connectionLines(
  now: WatchedNow,
  { number, ends }: SeenConnection,
  style: Style,
  columns: number,
): string[] {
  const both = [ends.client, ends.server];
  const width = Math.max(...both.map(({ local }) => formatEndpoint(local).length));
  return both.flatMap((end, index) => {
    const label = `${pad(index === 0 ? String(number) : '', 3)}${end.host}  `;
    const row = freshRow(now, end);
    const outlook = row && row.state !== 'CLOSED' ? outlookOf(end.host, row, now) : undefined;
    const noTimer = outlook?.timer === null ? ['no timer'] : [];
    const parts = [pad(formatEndpoint(end.local), width), ...endParts(now, end), ...noTimer];
    const lines = partsBeside(label, parts, columns).map((line) => line.replace(stateOf(end), style.bold));
    return outlook && outlook.timer !== null ? [...lines, ...forecastLines(outlook, columns)] : lines;
  });
}

/** As the last poll has it: the timeline has rows only where more than a timer's time has changed. */
function freshRow({ tables }: WatchedNow, { host, local, remote, row }: SeenEnd): SocketRow | undefined {
  return tables[host].find(
    (one) => one.state === row?.state && sameEndpoint(one.local, local) && sameEndpoint(one.remote, remote),
  );
}

/** `CLOSE-WAIT`, `proven, 12 s`, `python3 (4711)` */
function endParts(now: WatchedNow, end: SeenEnd): string[] {
  const state = stateOf(end);
  const stay = end.stays.at(-1);
  const word = stay && now.verdictOf(stay);
  const inode = end.row?.inode ?? 0;
  const processes = holdersOf(now.timeline, end.host, inode);
  const who = holderText({ state, processes, hasNoDescriptor: end.row !== null && inode === 0 });
  const lasted = word && stay ? [`${word}, ${formatMs(now.nowMs - stay.fromMs)}`] : [];
  return [state, ...lasted, ...(who ? [who] : [])];
}

function listenerLines(now: WatchedNow, end: SeenEnd, style: Style, columns: number): string[] {
  const queue = queueText(end);
  const parts = [formatEndpoint(end.local), ...endParts(now, end), ...(queue ? [queue] : [])];
  return partsBeside(`   ${end.host}  `, parts, columns).map((line) =>
    line.replace(stateOf(end), style.bold),
  );
}

/** Ends of connections within one host. */
function insideLines(now: WatchedNow, style: Style, columns: number): string[] {
  const open = seenOn(now.timeline).inside.filter(({ row }) => row !== null);
  const more = open.length - MOST_SHOWN;
  return [
    ...open.slice(-MOST_SHOWN).flatMap((end) => {
      const parts = [
        `${formatEndpoint(end.local)} with ${formatEndpoint(end.remote)}`,
        ...endParts(now, end),
      ];
      return partsBeside(`   ${end.host}  `, parts, columns).map((line) =>
        line.replace(stateOf(end), style.bold),
      );
    }),
    ...(more > 0 ? [`   ${counted(more, 'more end')} of connections within a host`] : []),
  ];
}

/** Breaks lines between the parts, not within them. */
function partsBeside(label: string, parts: readonly string[], columns: number): string[] {
  const text = parts.map((part) => part.replaceAll(' ', NO_BREAK_SPACE)).join(`${NO_BREAK_SPACE} `);
  return wrapBeside(label, text, columns).map((line) => line.replaceAll(NO_BREAK_SPACE, ' ').trimEnd());
}

function ruleLines({ timeline, nowMs }: WatchedNow, host: HostName, columns: number): string[] {
  const { rules, unread } = rulesInForce(timeline, host, nowMs);
  const texts = rules.map((rule) => {
    return rule.packets === null ? ruleWords(rule) : `${ruleWords(rule)}, ${counted(rule.packets, 'packet')}`;
  });
  return [...texts, ...(unread === null ? [] : [unread])].flatMap((text) =>
    wrapBeside(`   ${host}  `, text, columns),
  );
}
