import { expect, it } from 'vitest';
import { EVENTS } from './events.ts';
import { reasonOf } from './linux.ts';
import { ROWS } from './rows.ts';
import { allCells, LINES, lineOf, outcomesOf } from './words.ts';

it('has a word of the RFC for each event in each state', () => {
  for (const { row, event } of allCells()) expect(outcomesOf(row, event).length).toBeGreaterThan(0);
  expect(allCells()).toHaveLength(ROWS.length * EVENTS.length);
});

it('has no line that another one hides', () => {
  const used = new Set(allCells().map(({ row, event }) => lineOf(row, event)));
  expect(LINES.filter((line) => !used.has(line))).toEqual([]);
});

it('names only events and states that exist', () => {
  const names = new Set(['*', ...EVENTS.map(({ name }) => name)]);
  const rows = new Set(['*', ...ROWS.flatMap(({ name, state }) => [name.replace(' ', '_'), state])]);
  for (const [events, states] of LINES) {
    expect(events.split(' ').filter((name) => !names.has(name))).toEqual([]);
    expect(states.split(' ').filter((name) => !rows.has(name))).toEqual([]);
  }
});

it('reads a path of events back to the state of its row', () => {
  for (const row of ROWS) expect(row.path.at(-1)?.[1] ?? 'CLOSED').toBe(row.state);
});

it('has no reason for what is as the RFC', () => {
  const [closed] = ROWS;
  const [nothing] = EVENTS;
  expect(closed && nothing && reasonOf(closed, nothing)).toBe(null);
});
