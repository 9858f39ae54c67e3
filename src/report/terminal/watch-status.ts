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
import { formatEndpoint } from '../../tcp/endpoint.ts';
import type { SocketRow } from '../../tcp/socket-row.ts';
import type { TcpSysctls } from '../../tcp/sysctls.ts';
import { formatMs } from '../words/time.ts';
import { pad, wrapBeside } from './layout.ts';
import { forecastLines } from './status.ts';
import type { Style } from './style.ts';
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
    ...wrapBeside('', counts.join(', ') + (more > 0 ? `; the last ${MOST_SHOWN}:` : ''), columns),
    ...shown.flatMap((one) => connectionLines(now, one, style, columns)),
    ...listeners.filter(({ row }) => row !== null).flatMap((end) => listenerLines(now, end, style, columns)),
    ...(['client', 'server'] as const).flatMap((host) => ruleLines(now, host, columns)),
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
    const { state, text } = endText(now, end);
    const lines = wrapBeside(label, `${pad(formatEndpoint(end.local), width)}  ${text}`, columns);
    const bold = lines.map((line) => line.replace(state, style.bold));
    if (!end.row || end.row.state === 'CLOSED') return bold;
    return [...bold, ...forecastLines(outlookOf(end.host, end.row, now), columns)];
  });
}

/** `CLOSE-WAIT  proven for 12 s  python3 (4711)` */
function endText(now: WatchedNow, end: SeenEnd): { state: string; text: string } {
  const state = stateOf(end);
  const stay = end.stays.at(-1);
  const word = stay && now.verdictOf(stay);
  const parts: string[] = [state];
  if (word && stay) parts.push(`${word}, ${formatMs(now.nowMs - stay.fromMs)}`);
  const inode = end.row?.inode ?? 0;
  const processes = holdersOf(now.timeline, end.host, inode);
  const who = holderText({ state, processes, hasNoDescriptor: end.row !== null && inode === 0 });
  if (who) parts.push(who);
  return { state, text: parts.join('  ') };
}

function listenerLines(now: WatchedNow, end: SeenEnd, style: Style, columns: number): string[] {
  const { state, text } = endText(now, end);
  const parts = [formatEndpoint(end.local), text, queueText(end)].filter(Boolean);
  const lines = wrapBeside(`   ${end.host}  `, parts.join('  '), columns);
  return lines.map((line) => line.replace(state, style.bold));
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
