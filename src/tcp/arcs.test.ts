import { describe, expect, it } from 'vitest';
import { ARC_COUNT, ARCS, findArc } from './arcs.ts';
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
44 LISTEN→SYN-SENT (send)
45 LISTEN→CLOSED (abort)
46 LISTEN→CLOSED (destroy)
47 SYN-SENT→CLOSED (abort)
48 SYN-SENT→CLOSED (destroy)
49 SYN-SENT→CLOSED (user timeout)
50 SYN-RECEIVED→LISTEN (SYN)
51 SYN-RECEIVED→LISTEN (ICMP unreachable)
52 SYN-RECEIVED→LISTEN (destroy)
53 SYN-RECEIVED→CLOSED (ICMP unreachable)
54 SYN-RECEIVED→CLOSED (abort)
55 SYN-RECEIVED→CLOSED (destroy)
56 SYN-RECEIVED→CLOSED (user timeout)
57 ESTABLISHED→CLOSED (user timeout)
58 FIN-WAIT-1→CLOSED (data after close)
59 FIN-WAIT-1→CLOSED (abort)
60 FIN-WAIT-1→CLOSED (destroy)
61 FIN-WAIT-1→CLOSED (user timeout)
62 FIN-WAIT-2→CLOSED (data after close)
63 FIN-WAIT-2→CLOSED (SYN)
64 FIN-WAIT-2→CLOSED (abort)
65 FIN-WAIT-2→CLOSED (destroy)
66 FIN-WAIT-2→CLOSED (keepalive exhausted)
67 FIN-WAIT-2→CLOSED (user timeout)
68 CLOSE-WAIT→CLOSED (retries exhausted)
69 CLOSE-WAIT→CLOSED (keepalive exhausted)
70 CLOSE-WAIT→CLOSED (user timeout)
71 CLOSE-WAIT→CLOSED (destroy)
72 CLOSING→CLOSED (abort)
73 CLOSING→CLOSED (destroy)
74 CLOSING→CLOSED (user timeout)
75 LAST-ACK→CLOSED (abort)
76 LAST-ACK→CLOSED (destroy)
77 LAST-ACK→CLOSED (user timeout)
78 TIME-WAIT→CLOSED (abort)
79 TIME-WAIT→CLOSED (destroy)
`;

const catalogued = [...CATALOGUE.matchAll(/(\d+) ([\w-]+)→([\w-]+) \(([^)]+)\)/g)].map(
  ([, number, from, to, trigger]) => ({ number: Number(number), from, to, trigger }),
);

describe('the arcs', () => {
  it('have all numbers of the catalogue, in order', () => {
    const numbers = [...new Set(ARCS.map(({ number }) => number))];
    expect(numbers).toEqual(Array.from({ length: ARC_COUNT }, (_, index) => index + 1));
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
      send: /^3\.10\.2$/,
      close: /^3\.10\.4$/,
      abort: /^3\.10\.5$/,
      destroy: /^3\.10\.5$/,
      'ICMP unreachable': /^3\.9\.2\.2$/,
      'keepalive exhausted': /^3\.8\.4$/,
      'retries exhausted': /^3\.8\.3$/,
      'user timeout': /^3\.10\.8$/,
      'data after close': /^3\.6\.1$/,
      'FIN-WAIT-2 timeout': /^3\.6$/,
      '2 MSL': /^3\.10\.8$/,
    };
    for (const { number, from, trigger, clause } of ARCS) {
      const state = from === 'LISTEN' ? 2 : from === 'SYN-SENT' ? 3 : 4;
      const expected = clauses[trigger] ?? new RegExp(`^3\\.10\\.7\\.${state}$`);
      expect(clause, `arc ${number}`).toMatch(expected);
    }
  });

  it('name the kernel’s file and function', () => {
    for (const { number, kernel } of ARCS) expect(kernel, `arc ${number}`).toMatch(/^\w+\.c, \w+$/);
  });

  it('have an ABORT from every state that has a connection (3.10.5), and a destroy too', () => {
    const from = (trigger: string) =>
      new Set(ARCS.filter((arc) => arc.trigger === trigger).map((arc) => arc.from));
    const all = new Set(STATES.filter((state) => state !== 'CLOSED'));
    expect(from('abort')).toEqual(all);
    expect(from('destroy')).toEqual(all);
  });

  it('say what Linux does where it takes none', () => {
    const refused = ARCS.filter(({ refusal }) => refusal !== undefined);
    expect(refused.map(({ number }) => number)).toEqual([4, 44, 78]);
    for (const { from, trigger } of refused) expect(findArc(from, trigger)).toBeUndefined();
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

  it('is none of an abort that sends no RST, because no segment can show it', () => {
    expect(findArc('FIN-WAIT-1', 'abort')?.number).toBe(59);
    for (const from of ['LISTEN', 'SYN-SENT', 'CLOSING', 'LAST-ACK', 'TIME-WAIT'] as const)
      expect(findArc(from, 'abort')).toBeUndefined();
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
