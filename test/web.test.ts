import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Transition } from '../src/evidence/transitions.ts';
import { jsonInHtml } from '../src/report/pages/html.ts';
import { viewOf } from '../src/report/pages/view.ts';
import type { FlightView, HostName, View } from '../src/report/pages/view-model.ts';
import type { Moment } from '../src/report/story/moment.ts';
import { storyOf } from '../src/report/story/story.ts';
import { ARCS } from '../src/tcp/arcs.ts';
import { STATES, type State } from '../src/tcp/state.ts';
import { Buckets } from '../src/web/buckets.ts';
import { BOX, PLACES, routeOf, SIZE } from '../src/web/diagram-layout.ts';
import { frameOf, layOut } from '../src/web/ladder-rows.ts';
import { ViewTimeline } from '../src/web/view-timeline.ts';
import { REPOSITORY } from './cli.ts';
import { readSavedRun, scenarioOf } from './saved-run.ts';

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

  it.each([...new Set(ARCS.map(({ from, to }) => `${from}>${to}`))])('has a manual route for %s', (pair) => {
    const [from, to] = pair.split('>') as [State, State];
    const { path } = routeOf(from, to);
    expect(path).not.toContain(' L');
    const [, x, y] = /^M(\d+),(\d+)/.exec(path) ?? [];
    const [left, top] = PLACES[from];
    // It begins at its box's edge.
    expect(Math.abs(Number(x) - left)).toBeLessThanOrEqual(BOX.width / 2);
    expect(Math.abs(Number(y) - top)).toBeLessThanOrEqual(BOX.height / 2);
  });

  it('takes what nobody foresaw straight', () => {
    expect(routeOf('TIME-WAIT', 'LISTEN').path).toMatch(/^M[\d.]+,[\d.]+ L[\d.]+,[\d.]+$/);
  });
});

describe('the ladder', () => {
  const EMPTY: View = {
    ...{ name: 'made up', title: '', verdict: null, held: null, hold: null, fromMs: 0, toMs: 100 },
    hosts: { client: { endpoint: '' }, server: { endpoint: '' } },
    initial: { client: 'CLOSED', server: 'CLOSED' },
    ...{ changes: [], flights: [], acts: [], rules: [], tables: [], witnesses: [], notes: [] },
  };
  const flight = (from: HostName, departsMs: number, arrivesMs: number | null): FlightView => ({
    ...{ from, departsMs, arrivesMs, label: 'S seq 0', flags: 'S', rule: null, reason: null, crafted: false },
    ...{ numbers: { seq: 0, ack: null }, bytes: '', isOther: false },
    ending: arrivesMs === null ? 'lost' : 'delivered',
  });
  const laid = (view: Partial<View>, width = 800) => layOut({ ...EMPTY, ...view }, frameOf(width));

  it('lets an arrow lean as far as something comes in between', () => {
    const { items } = laid({ flights: [flight('client', 1, 5), flight('server', 2, 3)] });
    const [crossed, quick] = items.flatMap((item) => (item.what === 'flight' ? [item] : []));
    if (!crossed || !quick) throw new Error('two flights, two arrows');
    expect(crossed.departY).toBeLessThan(quick.departY);
    expect(crossed.arriveY).toBeGreaterThan(quick.arriveY);
    expect(quick.arriveY - quick.departY).toBeLessThan(12);
  });

  it('tells a change before the segment that was sent in it, and after the one that made it', () => {
    const change = (host: HostName, atMs: number): View['changes'][number] => ({
      ...{ atMs, host, from: 'CLOSED', to: 'SYN-SENT', arc: null, source: 'packets', seenBy: [] },
    });
    const { items } = laid({
      flights: [flight('client', 1, 2)],
      changes: [change('client', 1), change('server', 2)],
    });
    const order = items.map((item) => (item.what === 'state' ? item.change.host : item.what));
    expect(order).toEqual(['client', 'flight', 'server']);
  });

  it('has every row below the one before, and says where nothing happened', () => {
    const acts = [1, 1, 2, 60].map((atMs) => ({ atMs, host: 'client' as const, text: 'close()' }));
    const { items, ends, height } = laid({ acts });
    expect(items.map(({ what }) => what)).toEqual(['call', 'call', 'call', 'pause', 'call']);
    for (const [index, { top, bottom }] of items.entries()) {
      expect(bottom).toBeGreaterThan(top);
      expect(items[index + 1]?.top ?? height).toBeGreaterThanOrEqual(bottom);
    }
    expect(ends.map(({ atMs }) => atMs)).toEqual([1, 2, 60]);
  });

  it('breaks what is too long for it, and ends what is far too long', () => {
    const told = (text: string, width: number) => {
      const [item] = laid({ notes: [{ atMs: 1, text }] }, width).items;
      return item?.what === 'note' ? item.lines : [];
    };
    expect(told('two words', 800)).toEqual(['two words']);
    const lines = told('word '.repeat(20).trim(), 360);
    expect(lines.length).toBeGreaterThan(2);
    expect(lines.join(' ')).toBe('word '.repeat(20).trim());
    expect(told('x'.repeat(100_000), 360).at(-1)).toBe('…');
    expect(told('x'.repeat(100_000), 360)).toHaveLength(8);
  });

  it('has the rows that the terminal has, in the same order', async () => {
    const { labs } = await readSavedRun(join(REPOSITORY, 'docs/states/recorded.ndjson'));
    expect(labs.length).toBeGreaterThan(20);
    for (const timeline of labs) {
      const { items } = layOut(viewOf(timeline, { name: scenarioOf(timeline), title: '' }), frameOf(800));
      const onPage = items.flatMap((item) => {
        // The page notes more.
        if (item.what === 'pause' || item.what === 'note') return [];
        if (item.what === 'state') return `${item.change.host} ${item.change.to}`;
        return item.what === 'flight' ? `flight ${item.atMs}` : `${item.what} ${item.atMs}`;
      });
      expect(onPage).toEqual(storyOf(timeline).moments.flatMap(rowsOnPage));
    }
  });

  it('is stepped through by what happened, not by timers that run', () => {
    const table = (atMs: number, timer: string, sendQueue = 0): View['tables'][number] => {
      const row = {
        state: 'ESTABLISHED' as const,
        receiveQueue: 0,
        sendQueue,
        local: '',
        remote: '',
        isOwn: true,
      };
      return { atMs, host: 'client', rows: [{ ...row, timer, process: '' }] };
    };
    const tables = [table(10, 'in 3 ms'), table(11, 'in 2 ms'), table(12, 'in 1 ms'), table(13, '', 5)];
    const course = new ViewTimeline({ ...EMPTY, tables });
    expect(course.steps).toEqual([0, 10, 13, 100]);
    expect(course.tableAt('client', 11.5)).toBe(tables[1]);
    expect(course.tableAt('client', 9)).toBeUndefined();
    expect(course.tableAt('server', 50)).toBeUndefined();
  });
});

/** A state has a row of its own there. */
function rowsOnPage(moment: Moment): string[] {
  const states = (changes: Transition[]) => changes.map(({ host, to }) => `${host} ${to}`);
  switch (moment.what) {
    case 'departure':
      return [...states(moment.sender), `flight ${moment.atMs}`, ...states(moment.receiver)];
    case 'arrival':
      return states(moment.receiver);
    case 'change':
      return states([moment.transition]);
    case 'note':
      return [];
    default:
      return [`${moment.what.startsWith('rule') ? 'rule' : moment.what} ${moment.atMs}`];
  }
}

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
