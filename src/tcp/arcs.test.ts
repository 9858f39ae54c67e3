import { describe, expect, it } from 'vitest';
import { ARCS, findArc } from './arcs.ts';
import { STATES, type State } from './state.ts';

/** The catalogue of arcs, written down once more and by hand: `number from→to (trigger)`. */
const CATALOGUE = `
 1 CLOSED→LISTEN (listen)                  2 CLOSED→SYN-SENT (connect)
 3 LISTEN→SYN-RECEIVED (SYN)               4 LISTEN→SYN-SENT (connect)
 5 LISTEN→CLOSED (close)                   6 SYN-SENT→ESTABLISHED (SYN-ACK)
 7 SYN-SENT→SYN-RECEIVED (SYN)             8 SYN-SENT→CLOSED (RST)
 9 SYN-SENT→CLOSED (ICMP unreachable)     10 SYN-SENT→CLOSED (retries exhausted)
11 SYN-SENT→CLOSED (close)                12 SYN-RECEIVED→ESTABLISHED (ACK of SYN)
13 SYN-RECEIVED→LISTEN (RST)              14 SYN-RECEIVED→CLOSED (RST)
15 SYN-RECEIVED→LISTEN (retries exhausted)
15 SYN-RECEIVED→CLOSED (retries exhausted)
16 SYN-RECEIVED→FIN-WAIT-1 (close)        17 ESTABLISHED→FIN-WAIT-1 (close)
18 ESTABLISHED→CLOSE-WAIT (FIN)           19 ESTABLISHED→CLOSED (RST)
20 ESTABLISHED→CLOSED (abort)             21 ESTABLISHED→CLOSED (retries exhausted)
22 ESTABLISHED→CLOSED (keepalive exhausted)
23 ESTABLISHED→CLOSED (destroy)           24 FIN-WAIT-1→FIN-WAIT-2 (ACK of FIN)
25 FIN-WAIT-1→CLOSING (FIN)               26 FIN-WAIT-1→TIME-WAIT (FIN with ACK of FIN)
27 FIN-WAIT-1→CLOSED (RST)                28 FIN-WAIT-1→CLOSED (retries exhausted)
29 FIN-WAIT-2→TIME-WAIT (FIN)             30 FIN-WAIT-2→CLOSED (RST)
31 FIN-WAIT-2→CLOSED (FIN-WAIT-2 timeout) 32 CLOSING→TIME-WAIT (ACK of FIN)
33 CLOSING→CLOSED (RST)                   34 CLOSING→CLOSED (retries exhausted)
35 CLOSE-WAIT→LAST-ACK (close)            36 CLOSE-WAIT→CLOSED (RST)
37 CLOSE-WAIT→CLOSED (abort)              38 LAST-ACK→CLOSED (ACK of FIN)
39 LAST-ACK→CLOSED (RST)                  40 LAST-ACK→CLOSED (retries exhausted)
41 TIME-WAIT→CLOSED (2 MSL)               42 TIME-WAIT→CLOSED (RST)
43 TIME-WAIT→SYN-RECEIVED (SYN)
`;

const catalogued = [...CATALOGUE.matchAll(/(\d+) ([\w-]+)→([\w-]+) \(([^)]+)\)/g)].map(
  ([, number, from, to, trigger]) => ({ number: Number(number), from, to, trigger }),
);

describe('the arcs', () => {
  it('have all 43 numbers of the catalogue, in order', () => {
    expect([...new Set(ARCS.map(({ number }) => number))]).toEqual(
      Array.from({ length: 43 }, (_, index) => index + 1),
    );
  });

  it('lead from and to where the catalogue says, by the trigger that it says', () => {
    expect(ARCS.map(({ number, from, to, trigger }) => ({ number, from, to, trigger }))).toEqual(catalogued);
  });

  it('make every state reachable from CLOSED, and CLOSED from every state', () => {
    const forwards = reachable('CLOSED', (state) =>
      ARCS.filter(({ from }) => from === state).map((a) => a.to),
    );
    const backwards = reachable('CLOSED', (state) =>
      ARCS.filter(({ to }) => to === state).map((a) => a.from),
    );
    expect(forwards).toEqual(new Set(STATES));
    expect(backwards).toEqual(new Set(STATES));
  });

  it('name their clause by its number alone', () => {
    for (const { number, clause } of ARCS) expect(clause, `arc ${number}`).toMatch(/^3(?:\.[1-9]\d?){1,3}$/);
  });

  it('cite the clause of their event: calls 3.10.1 to 3.10.5, segments 3.10.7', () => {
    const clauses: Record<string, RegExp> = {
      listen: /^3\.10\.1$/,
      connect: /^3\.10\.1$/,
      close: /^3\.10\.4$/,
      abort: /^3\.10\.5$/,
      destroy: /^3\.10\.5$/,
      'ICMP unreachable': /^3\.9\.2\.2$/,
      'keepalive exhausted': /^3\.8\.4$/,
      'retries exhausted': /^3\.8\.3$/,
      'FIN-WAIT-2 timeout': /^3\.6$/,
      '2 MSL': /^3\.10\.8$/,
    };
    for (const { number, from, trigger, clause } of ARCS) {
      const state = from === 'LISTEN' ? 2 : from === 'SYN-SENT' ? 3 : 4;
      const expected = clauses[trigger] ?? new RegExp(`^3\\.10\\.7\\.${state}$`);
      expect(clause, `arc ${number}`).toMatch(expected);
    }
  });

  it('are told apart by their state, trigger and end', () => {
    const keys = ARCS.map(({ from, trigger, to }) => `${from} ${trigger} ${to}`);
    expect(new Set(keys).size).toBe(keys.length);
  });
});

describe('the arc of a trigger', () => {
  it('is found by its state', () => {
    expect(findArc('FIN-WAIT-1', 'FIN')?.number).toBe(25);
    expect(findArc('FIN-WAIT-2', 'FIN')?.number).toBe(29);
  });

  it('is found by where it leads, where the history of the end decides', () => {
    expect(findArc('SYN-RECEIVED', 'RST', 'LISTEN')?.number).toBe(13);
    expect(findArc('SYN-RECEIVED', 'RST', 'CLOSED')?.number).toBe(14);
  });

  it('is none where the RFC has none', () => {
    expect(findArc('CLOSED', 'RST')).toBeUndefined();
    expect(findArc('TIME-WAIT', 'FIN')).toBeUndefined();
    expect(findArc('ESTABLISHED', 'RST', 'LISTEN')).toBeUndefined();
  });
});

function reachable(start: State, next: (state: State) => State[]): Set<State> {
  const found = new Set<State>([start]);
  for (const state of found) for (const other of next(state)) found.add(other);
  return found;
}
