import type { HostName, VerdictWord, WitnessView } from '../report/pages/view-model.ts';
import { formatPause } from '../report/words/time.ts';
import type { EndView, LabMessage } from '../ui/model.ts';

/** What is of a lab now, whatever was claimed of it before. */
export type Now = Pick<LabMessage, 'connections' | 'listeners'>;

const MARKS: Readonly<Record<VerdictWord, string>> = { proven: '✓', disproven: '✗', unproven: '?' };

/** The ends of the connection that is shown; the listener for an end that has none. */
export function endsShown({ connections, listeners }: Now): EndView[] {
  const ends = connections.find(({ isShown }) => isShown)?.ends ?? [];
  return [...ends, ...listeners.filter(({ host }) => !ends.some((end) => end.host === host))];
}

/** `CLOSING, 12 s ✓ proven`; nothing of an end that has no socket. */
export function endLine(now: Now, host: HostName, nowMs: number): string {
  const end = endsShown(now).find((one) => one.host === host);
  if (!end) return '';
  const { state, sinceMs, word } = end;
  const verdict = word === null ? '' : ` ${MARKS[word]} ${word}`;
  return `${state}, ${formatPause(Math.max(0, nowMs - sinceMs))}${verdict}`;
}

export function witnessesNow(now: Now): WitnessView[] {
  return endsShown(now).flatMap(({ host, witnesses }) => witnesses.map((one) => ({ host, ...one })));
}
