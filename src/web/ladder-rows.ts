import type { Act, Change, FlightView, HostName, View } from '../report/pages/view-model.ts';
import { countUntil } from './course.ts';
import { formatPause } from './format.ts';

type State = Change['from'];

/** Where things stand across a ladder, in pixels. */
export interface Frame {
  width: number;
  /** Of the lifelines. */
  x: Record<HostName, number>;
  /** Whether there is room for the time beside each row. */
  hasTimes: boolean;
}

/** One thing on a ladder. `top` and `bottom` are all that it covers. */
export type Item = { key: string; atMs: number; top: number; bottom: number } & (
  | { what: 'flight'; flight: FlightView; departY: number; arriveY: number }
  | { what: 'call' | 'rule'; host: HostName; lines: string[]; text: string }
  | { what: 'state'; change: Change }
  | { what: 'hold'; host: HostName; text: string }
  | { what: 'note'; lines: string[]; text: string }
  | { what: 'pause'; text: string }
);

export interface Stretch {
  state: State;
  top: number;
  bottom: number;
}

export interface Layout {
  items: Item[];
  height: number;
  /** Each lifeline's states. */
  stretches: Record<HostName, Stretch[]>;
  held: { host: HostName; top: number; bottom: number } | null;
  /** The time of each row, in order, and where it ends. */
  ends: { atMs: number; y: number }[];
}

const FONT_WIDTH = 7.25;
const LINE = 17;
/** Shorter pauses than this are no pauses: most moments are some microseconds apart. */
const PAUSE_MS = 20;

export function frameOf(width: number): Frame {
  const hasTimes = width >= 520;
  const left = hasTimes ? 74 : 4;
  return { width, hasTimes, x: { client: left + 58, server: width - 62 } };
}

type Point = { atMs: number; order: number } & (
  | { what: 'act'; act: Act; key: string }
  | { what: 'rule'; host: HostName; text: string; key: string }
  | { what: 'departure' | 'arrival'; flight: FlightView; key: string }
  | { what: 'change'; change: Change; key: string }
  | { what: 'note'; text: string; key: string }
  | { what: 'hold'; text: string; key: string }
);

/** Lays a view's events one below the other, in their order; an arrow leans as far as something came in between. */
export function layOut(view: View, frame: Frame): Layout {
  const points = pointsOf(view);
  const columns = Math.floor((frame.x.server - frame.x.client - 32) / FONT_WIDTH);
  const items: Item[] = [];
  const ends: Layout['ends'] = [];
  const stretches: Layout['stretches'] = { client: [], server: [] };
  const under: Record<HostName, Stretch> = {
    client: { state: view.initial.client, top: 0, bottom: 0 },
    server: { state: view.initial.server, top: 0, bottom: 0 },
  };
  const departed = new Map<FlightView, Extract<Item, { what: 'flight' }>>();
  let held: Layout['held'] = null;
  let y = 10;
  let lastMs = points[0]?.atMs ?? view.fromMs;
  for (const [index, point] of points.entries()) {
    const { atMs, key } = point;
    if (atMs - lastMs >= PAUSE_MS) {
      items.push({
        key: `pause ${key}`,
        atMs,
        top: y,
        bottom: y + 22,
        what: 'pause',
        text: formatPause(atMs - lastMs),
      });
      y += 22;
    }
    lastMs = atMs;
    const top = y;
    switch (point.what) {
      case 'act': {
        const { host, text } = point.act;
        const lines = broken(text, columns);
        y += lines.length * LINE + 5;
        items.push({ key, atMs, top, bottom: y, what: 'call', host, lines, text });
        break;
      }
      case 'rule': {
        const { host, text } = point;
        const lines = broken(text, columns - 2);
        y += lines.length * LINE + 8;
        items.push({ key, atMs, top, bottom: y, what: 'rule', host, lines, text });
        break;
      }
      case 'note': {
        const lines = broken(point.text, columns);
        y += lines.length * LINE + 6;
        items.push({ key, atMs, top, bottom: y, what: 'note', lines, text: point.text });
        break;
      }
      case 'departure': {
        const { flight } = point;
        const next = points[index + 1];
        const isWhole = flight.arrivesMs === null || (next?.what === 'arrival' && next.flight === flight);
        const departY = y + 22;
        const isStopped = flight.arrivesMs === null;
        y += isStopped ? 46 : isWhole ? 40 : 30;
        const item = {
          key,
          atMs,
          top,
          bottom: y,
          what: 'flight' as const,
          flight,
          departY,
          arriveY: departY + 10,
        };
        if (flight.arrivesMs !== null) departed.set(flight, item);
        items.push(item);
        break;
      }
      case 'arrival': {
        const item = departed.get(point.flight);
        const isWhole = points[index - 1]?.what === 'departure' && item?.bottom === y;
        if (item && !isWhole) {
          y += 14;
          item.arriveY = y - 4;
          item.bottom = y;
        }
        break;
      }
      case 'change': {
        const { change } = point;
        const { host, to } = change;
        y += 28;
        items.push({ key, atMs, top, bottom: y, what: 'state', change });
        stretches[host].push({ ...under[host], bottom: top + 14 });
        under[host] = { state: to, top: top + 14, bottom: 0 };
        break;
      }
      case 'hold': {
        const host = view.held?.host ?? 'client';
        y += 24;
        items.push({ key, atMs, top, bottom: y, what: 'hold', host, text: point.text });
        if (!held) held = { host, top: top + 12, bottom: 0 };
        else held.bottom = top + 12;
        break;
      }
    }
    const last = ends.at(-1);
    if (last?.atMs === atMs) last.y = y;
    else ends.push({ atMs, y });
  }
  const height = y + 14;
  for (const host of ['client', 'server'] as const) stretches[host].push({ ...under[host], bottom: height });
  if (held && held.bottom === 0) held.bottom = height;
  return { items, height, stretches, held, ends };
}

/** Where what has happened until a time ends. */
export function yAt({ ends }: Layout, atMs: number): number {
  return ends[countUntil(ends, atMs, (end) => end.atMs) - 1]?.y ?? 0;
}

function pointsOf(view: View): Point[] {
  const points: Point[] = [];
  for (const [index, act] of view.acts.entries())
    points.push({ atMs: act.atMs, order: 0, what: 'act', act, key: `act ${index}` });
  for (const { number, host, hook, text, setMs, liftedMs } of view.rules) {
    const told = `rule ${number}, ${hook}: ${text}`;
    points.push({ atMs: setMs, order: 1, what: 'rule', host, text: told, key: `rule ${number}` });
    if (liftedMs === null) continue;
    const lifted = { what: 'rule' as const, host, text: `rule ${number} removed`, key: `removed ${number}` };
    points.push({ atMs: liftedMs, order: 1, ...lifted });
  }
  for (const [index, flight] of view.flights.entries()) {
    const { departsMs, arrivesMs } = flight;
    points.push({ atMs: departsMs, order: 4, what: 'departure', flight, key: `flight ${index}` });
    // What took no time arrives after it has left nevertheless.
    const order = arrivesMs !== null && arrivesMs > departsMs ? 2 : 5;
    if (arrivesMs !== null)
      points.push({
        atMs: Math.max(arrivesMs, departsMs),
        order,
        what: 'arrival',
        flight,
        key: `arrival ${index}`,
      });
  }
  for (const [index, change] of view.changes.entries())
    points.push({ atMs: change.atMs, order: 3, what: 'change', change, key: `change ${index}` });
  for (const [index, { atMs, text }] of view.notes.entries())
    points.push({ atMs, order: 6, what: 'note', text, key: `note ${index}` });
  if (view.hold) {
    const { fromMs, toMs } = view.hold;
    points.push({ atMs: fromMs, order: 7, what: 'hold', text: 'held from here', key: 'hold' });
    if (toMs !== null) points.push({ atMs: toMs, order: 7, what: 'hold', text: 'held to here', key: 'held' });
  }
  return points.sort((a, b) => a.atMs - b.atMs || a.order - b.order);
}

/** Longer texts than these lines end in an ellipsis; the details have them whole. */
const LINES_SHOWN = 8;

/** Broken at spaces, and where a word is longer than a line, within it. */
function broken(text: string, columns: number): string[] {
  const width = Math.max(8, columns);
  const lines: string[] = [];
  let line = '';
  const words = text
    .slice(0, 4000)
    .split(/\s+/)
    .flatMap((word) => word.match(new RegExp(`.{1,${width}}`, 'gu')) ?? []);
  for (const word of words) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line !== '' && longer.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = longer;
    }
  }
  const all = [...lines, line];
  return all.length > LINES_SHOWN ? [...all.slice(0, LINES_SHOWN - 1), '…'] : all;
}
