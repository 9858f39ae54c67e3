import type { SegmentReport } from '../story/result.ts';
import { flagsLegend, flagsText, segmentName } from '../words/flags.ts';
import { pad, textWidth, wrapBeside } from './layout.ts';
import { broken, NO_BREAK_SPACE } from './text.ts';

/** In fewer columns the hosts are left out, and the arrow alone shows the direction. */
const COLUMNS_FOR_HOSTS = 76;

/** What the letters and signs of `segmentLines` mean. `isToItself`: of a socket that is its own peer. */
export function segmentLegend(columns: number, isToItself = false): string[] {
  const allWays = isToItself ? ['→ to itself'] : ['→ to server', '← to client'];
  const ways = columns < COLUMNS_FOR_HOSTS ? allWays : [];
  // No line breaks between a sign and its meaning.
  const signs = [...flagsLegend(), '✗ dropped', ...ways].map((sign) => sign.replaceAll(' ', NO_BREAK_SPACE));
  return broken(signs.join('  '), columns).map((line) => line.replaceAll(NO_BREAK_SPACE, ' ').trim());
}

/**
 * One segment: `0.0021 s  client → server  [F.] FIN      seq 1 ack 1  ✗ rule 1`; `crafted` where tcplab made it. On more than one line where it has to
 * be. `ofConnection` names its connection, where there are several.
 */
export function segmentLines(
  segment: SegmentReport,
  columns: number,
  isToItself = false,
  ofConnection = '',
): string[] {
  const isNarrow = columns < COLUMNS_FOR_HOSTS;
  const arrow = segment.host === 'client' ? '→' : '←';
  const time = timeLabel(segment.atMs, columns) + ofConnection;
  const hosts = isToItself ? `${segment.host} → itself` : `client ${arrow} server`;
  const label = isNarrow ? `${time}${arrow} ` : `${time}${hosts}  `;
  const what = summary(segment, isNarrow);
  const fate = fateOf(segment);
  const whole = fate === null ? what : `${pad(what, isNarrow ? 0 : 28)}  ${fate}`;
  if (fate === null || textWidth(label + whole) <= columns) return wrapBeside(label, whole, columns);
  return [...wrapBeside(label, what, columns), ...wrapBeside(' '.repeat(textWidth(label)), fate, columns)];
}

/** `    0.0021 s  `, the beginning of each line that scrolls. */
export function timeLabel(atMs: number, columns: number): string {
  const time = `${(atMs / 1000).toFixed(4)} s`;
  return columns < COLUMNS_FOR_HOSTS ? `${time} ` : `${time.padStart(12)}  `;
}

/** The rule's number is enough: the rules are listed below. */
function fateOf({ fate }: SegmentReport): string | null {
  if (fate === 'delivered') return null;
  return fate.startsWith('dropped') ? `✗ ${/(?:box )?rule \d+/.exec(fate)?.[0] ?? fate}` : fate;
}

function summary({ flags, icmp, seq, ack, length, crafted }: SegmentReport, isNarrow: boolean): string {
  const mark = crafted ? ' crafted' : '';
  if (icmp || flags === null) return `ICMP ${icmp}${mark}`;
  const letters = flagsText(flags);
  const named = isNarrow
    ? `${letters} ${segmentName(flags)}`
    : `${pad(letters, 4)} ${pad(segmentName(flags), 8)}`;
  const parts = [named, `seq ${seq}`];
  if (ack !== null) parts.push(`ack ${ack}`);
  if (length > 0) parts.push(`length ${length}`);
  return parts.join(' ') + mark;
}
