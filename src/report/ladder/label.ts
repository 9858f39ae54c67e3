import { flagsText, segmentName } from '../words/flags.ts';
import type { Span } from './line.ts';

/** What is written on an arrow. */
export interface Label {
  /** The client's, where there are several connections. */
  port: number | null;
  /** For how many others of many connections it is; 0 for a single segment. */
  others: number;
  /** tcpdump's letters; null for an ICMP error. */
  flags: string | null;
  icmp: string;
  /** `seq 1 ack 1 length 4` */
  numbers: string;
  /** `again`, `crafted` and such. */
  marks: string;
}

/** `F. seq 1 ack 1 again` */
export function labelText(label: Label): string {
  return joined([...start(label), label.flags ?? label.icmp, label.numbers, label.marks]);
}

/**
 * A label as a terminal shows it, the widest first: `[F.] FIN  seq 1 ack 1`, `[F.] seq 1 ack 1`; where there are few
 * columns `[F.] FIN`, `[F.]`; where segments cross all but the first.
 */
export function labelForms(label: Label, columns: number, isCrossed: boolean): Span[][] {
  const { flags, icmp, numbers } = label;
  if (flags === null) return [spans(label, icmp)];
  const letters = flagsText(flags);
  const named = `${letters} ${segmentName(flags)}`;
  const short = [spans(label, named), spans(label, letters)];
  if (numbers === '' || columns < COLUMNS_FOR_NUMBERS) return short;
  const numbered = spans(label, `${letters} ${numbers}`);
  return isCrossed ? [numbered, ...short] : [spans(label, `${named}  ${numbers}`), numbered];
}

/** Between the lifelines: with fewer, a line of its own for the numbers of each segment would be the rule. */
const COLUMNS_FOR_NUMBERS = 20;

function spans(label: Label, what: string): Span[] {
  const text: Span = { text: joined([...start(label), what]) };
  return label.marks === '' ? [text] : [text, { text: ` ${label.marks}`, tone: 'unsure' }];
}

function start({ port, others }: Label): string[] {
  return [port === null ? '' : `:${port}`, others > 0 ? `${others} others:` : ''];
}

function joined(parts: string[]): string {
  return parts.filter((part) => part !== '').join(' ');
}
