import { type Label, labelled } from '../../story/label.ts';
import { flagsText, segmentName } from '../../words/flags.ts';
import type { Span } from './line.ts';

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
  const text: Span = { text: labelled(label, what) };
  return label.marks === '' ? [text] : [text, { text: ` ${label.marks}`, tone: 'unsure' }];
}
