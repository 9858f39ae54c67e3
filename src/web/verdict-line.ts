import type { View } from '../report/pages/view-model.ts';
import { formatPause } from '../report/words/time.ts';

/** What is claimed of a lab now, or was: `FIN-WAIT-1 held for 12 s · proven`. Empty where nothing was claimed. */
export function verdictLine(view: View, nowMs: number): string {
  const { verdict, held, hold } = view;
  if (!verdict) return '';
  const { word, because } = verdict;
  if (!held || !hold) return because ? `${word}: ${because}` : word;
  const lasted = formatPause(Math.max(0, (hold.toMs ?? nowMs) - hold.fromMs));
  const what =
    hold.toMs === null ? `held for ${lasted}` : `was held for ${lasted}${endOfHold(view, hold.toMs)}`;
  return `${held.state} ${what} · ${word}${because ? `: ${because}` : ''}`;
}

/** Which change ended the state, where one is known. */
function endOfHold({ held, changes }: View, toMs: number): string {
  const change = changes.find(
    ({ host, from, atMs }) => host === held?.host && from === held.state && atMs >= toMs - LOOK_MS,
  );
  if (!change) return '';
  const by = change.why ?? change.arc?.trigger;
  return `, until ${change.to}${by === undefined ? '' : ` (${by})`}`;
}

/** The hold ends with the last look that found the state; the change may have been just before. */
const LOOK_MS = 1;
