import type { ByHand } from './by-hand.ts';
import { CLOSED } from './closed.ts';
import { CLOSING } from './closing.ts';
import { ESTABLISHED } from './established.ts';
import { OPENING } from './opening.ts';
import { SENDING } from './sending.ts';
import { TIME_WAIT } from './time-wait.ts';
import { UNFINISHED } from './unfinished.ts';

const RECIPES: ReadonlyMap<string, ByHand> = new Map(
  [OPENING, UNFINISHED, ESTABLISHED, SENDING, CLOSING, TIME_WAIT, CLOSED].flatMap((recipes) =>
    Object.entries(recipes),
  ),
);

/** The scenario's commands for two machines; undefined if it is not in the catalogue. */
export function byHand(scenarioId: string): ByHand | undefined {
  return RECIPES.get(scenarioId);
}
