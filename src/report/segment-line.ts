import type { HostName } from '../evidence/events.ts';
import { pad } from './layout.ts';
import type { SegmentReport } from './result.ts';

/** One segment as a line, in tcpdump's letters: `0.0021 s  client → server  F. seq 1 ack 1  dropped: rule 1`. */
export function segmentLine(segment: SegmentReport, sinceMs = 0): string {
  const time = `${((segment.atMs - sinceMs) / 1000).toFixed(4)} s`.padStart(12);
  // The rule's number is enough: the rules stand beside it.
  const fate =
    segment.fate === 'delivered' ? '' : `  ${segment.fate.replace(/^(dropped: rule \d+).*/, '$1')}`;
  return `${time}  ${arrow(segment.host)}  ${pad(summary(segment), 28)}${fate}`.trimEnd();
}

function arrow(from: HostName): string {
  return from === 'client' ? 'client → server' : 'client ← server';
}

function summary({ flags, icmp, seq, ack, length }: SegmentReport): string {
  if (icmp) return `ICMP ${icmp}`;
  const parts = [flags, `seq ${seq}`];
  if (ack !== null) parts.push(`ack ${ack}`);
  if (length > 0) parts.push(`length ${length}`);
  return parts.join(' ');
}
