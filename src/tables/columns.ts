import { parseEndpoint } from './endpoint.ts';
import { rowOf, type TableRow } from './row.ts';
import { stateWord, tokensOf } from './words.ts';

/** More words than these are prose. */
const MOST_WORDS = 8;

/** Some columns of a table in any order, as awk or cut leave them: two ends and a state. Undefined for any other text. */
export function columnsRow(text: string): TableRow | undefined {
  const tokens = tokensOf(text.replaceAll(',', ' '));
  // TCP is how netstat of Windows begins a row.
  if (tokens.length > MOST_WORDS || tokens[0] === 'TCP') return undefined;
  const states = tokens.flatMap((token) => stateWord(token) ?? []);
  const ends = tokens.flatMap((token) => parseEndpoint(token) ?? []);
  const [state, ...otherStates] = states;
  const [local, peer, ...otherEnds] = ends;
  if (!state || !local || !peer || otherStates.length > 0 || otherEnds.length > 0) return undefined;
  return rowOf({ state, local, peer: state === 'LISTEN' ? null : peer });
}
