import { describe, expect, it } from 'vitest';
import { foldEnd } from '../src/tcp/fold.ts';
import { CELLS, type Cell, inputsOfCell } from './matrix/cells.ts';

/** In hundredths: of the cells in which a segment or a known call tells the state, how many the fold decides. */
const DEFINITE_AT_LEAST = 95;

function statesOf(cell: Cell, knownCalls: boolean) {
  return foldEnd(inputsOfCell(cell, knownCalls)).states;
}

describe.each([
  ['with its calls known', true],
  ['without its calls', false],
])('the fold of each measured cell of Linux, %s', (_title, knownCalls) => {
  it.each(CELLS.map((cell) => [cell.state, cell.event, cell] as const))('%s, %s', (_state, _event, cell) => {
    const states = statesOf(cell, knownCalls);
    if (process.env['CELLS']) {
      const end = foldEnd(inputsOfCell(cell, knownCalls));
      if (states.length !== 1 || states[0] !== cell.after)
        console.log(
          knownCalls,
          cell.state,
          '|',
          cell.event,
          cell.after,
          states.join(),
          end.why,
          JSON.stringify(cell.segments.map((s) => [s.f, s.seq, s.ack])),
        );
    }
    if (states.length > 0) expect(states).toContain(cell.after);
  });
});

it('decides nearly all of them', () => {
  const told = CELLS.map((cell) => statesOf(cell, true)).filter((states) => states.length > 0);
  const definite = told.filter((states) => states.length === 1);
  console.log(`${definite.length} of ${told.length} cells are definite, ${CELLS.length} in all`);
  expect((100 * definite.length) / told.length).toBeGreaterThanOrEqual(DEFINITE_AT_LEAST);
});
