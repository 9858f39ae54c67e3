import type { CellsOfState } from '../../src/report/guide/what-is-proven-page.ts';
import { type End, foldEnd } from '../../src/tcp/fold.ts';
import { CELLS, inputsOfCell } from './cells.ts';

/** By the state before the event, in the order of the cells. Without those in which no segment has told anything. */
export function toldOfCells(): CellsOfState[] {
  const states = [...new Set(CELLS.map(({ state }) => state))];
  return states.flatMap((state) => {
    const cells = CELLS.filter((cell) => cell.state === state);
    const ends = (knownCalls: boolean) =>
      cells.map((cell) => foldEnd(inputsOfCell(cell, knownCalls))).filter((end) => end.states.length > 0);
    const [known, unknown] = [ends(true), ends(false)];
    const why = [...new Set([...known, ...unknown].flatMap(whyNotOne))];
    const told = { cells: known.length, withCalls: definite(known), without: definite(unknown) };
    return known.length > 0 ? [{ state, ...told, why }] : [];
  });
}

/** Without what is the same wherever calls are not known. */
function whyNotOne({ possibilities, why }: End): string[] {
  const doubts = new Set(possibilities.map(({ doubt }) => doubt).filter(Boolean));
  return why && doubts.size === 1 ? [why.replace(", but the program's calls are not seen", '')] : [];
}

function definite(ends: readonly End[]): number {
  return ends.filter(({ state }) => state !== null).length;
}
