import { describe, expect, it } from 'vitest';
import { bundle } from '../src/report/html/bundle.ts';
import { jsonInHtml } from '../src/report/html/html.ts';
import { ARCS } from '../src/tcp/arcs.ts';
import { STATES, type State } from '../src/tcp/state.ts';
import { Buckets } from '../src/web/buckets.ts';
import { BOX, PLACES, routeOf, SIZE } from '../src/web/diagram-layout.ts';

describe('the diagram', () => {
  it('has a place for each state, apart from the others and within the picture', () => {
    expect(Object.keys(PLACES).sort()).toEqual([...STATES].sort());
    for (const [state, [x, y]] of Object.entries(PLACES)) {
      expect(x - BOX.width / 2, state).toBeGreaterThan(0);
      expect(x + BOX.width / 2, state).toBeLessThan(SIZE.width);
      expect(y + BOX.height / 2, state).toBeLessThan(SIZE.height);
      const near = Object.entries(PLACES).filter(
        ([other, place]) =>
          other !== state &&
          Math.abs(place[0] - x) < BOX.width + 20 &&
          Math.abs(place[1] - y) < BOX.height + 20,
      );
      expect(near, state).toEqual([]);
    }
  });

  it.each([...new Set(ARCS.map(({ from, to }) => `${from}>${to}`))])(
    'has a way for %s, laid by hand',
    (pair) => {
      const [from, to] = pair.split('>') as [State, State];
      const { path } = routeOf(from, to);
      expect(path).not.toContain(' L');
      const [, x, y] = /^M(\d+),(\d+)/.exec(path) ?? [];
      const [left, top] = PLACES[from];
      // It begins at its box's edge.
      expect(Math.abs(Number(x) - left)).toBeLessThanOrEqual(BOX.width / 2);
      expect(Math.abs(Number(y) - top)).toBeLessThanOrEqual(BOX.height / 2);
    },
  );

  it('takes what nobody foresaw straight', () => {
    expect(routeOf('TIME-WAIT', 'LISTEN').path).toMatch(/^M[\d.]+,[\d.]+ L[\d.]+,[\d.]+$/);
  });
});

describe('modules in one script', () => {
  const modules = (files: Record<string, string>) => (name: string) => files[name] ?? '';

  it('are run in the order in which they need each other, each once, with names of their own', () => {
    const script = bundle(
      'a.js',
      modules({
        'a.js': `import { b as bee, Box } from './b.js';\nimport { c } from "./c.js";\nconst own = 'a';\nlog(own, bee(), c, new Box().size);`,
        'b.js': `import { c } from './c.js';\nconst own = 'b';\nexport function b() { return own + c; }\nexport class Box { size = 1; }`,
        'c.js': `log('once');\nexport const c = 'c';\nexport {};`,
      }),
    );
    const said: unknown[] = [];
    new Function('log', script)((...words: unknown[]) => said.push(words));
    expect(said).toEqual([['once'], ['a', 'bc', 'c', 1]]);
  });

  it.each([
    ["import * as all from './b.js';"],
    ["import fs from 'node:fs';"],
    ["import { a } from '../elsewhere/b.js';"],
    ["export * from './b.js';"],
    ['export default 1;'],
    ['export let changing = 1;'],
  ])('are refused with what it does not know: %s', (text) => {
    expect(() => bundle('a.js', modules({ 'a.js': text }))).toThrow(/can't take in/);
  });

  it('are refused in a ring', () => {
    const ring = { 'a.js': "import { b } from './b.js';", 'b.js': "import { a } from './a.js';" };
    expect(() => bundle('a.js', modules(ring))).toThrow('import each other');
  });
});

describe('data in a page', () => {
  it('ends no script and begins no comment', () => {
    const value = { text: '</script><!-- <script> \u2028' };
    expect(jsonInHtml(value)).not.toContain('<');
    expect(JSON.parse(jsonInHtml(value))).toEqual(value);
  });
});

describe('things in buckets', () => {
  it('are found by where they are, in their order, however far they reach', () => {
    const things = [
      { name: 'long', at: [0, 5000] },
      { name: 'near', at: [600, 640] },
      { name: 'far', at: [3000, 3100] },
    ] as const;
    const buckets = new Buckets(things, ({ at }) => at);
    const names = (from: number, to: number) => buckets.between(from, to).map(({ name }) => name);
    expect(names(610, 620)).toEqual(['long', 'near']);
    expect(names(0, 10_000)).toEqual(['long', 'near', 'far']);
    expect(names(5001, 6000)).toEqual([]);
  });
});
