import type { ByHand } from './by-hand.ts';
import { CLOSED } from './closed.ts';
import { CLOSING } from './closing.ts';
import { ESTABLISHED } from './established.ts';
import { OPENING } from './opening.ts';
import { TIME_WAIT } from './time-wait.ts';

const RECIPES: ReadonlyMap<string, ByHand> = new Map(
  [OPENING, ESTABLISHED, CLOSING, TIME_WAIT, CLOSED].flatMap((recipes) => Object.entries(recipes)),
);

/** The scenario's commands for two machines; undefined if it is not in the catalogue. */
export function byHand(scenarioId: string): ByHand | undefined {
  return RECIPES.get(scenarioId);
}
