import { HOSTS, ofHosts } from '../evidence/host-name.ts';
import { firstAfter } from '../evidence/in-time.ts';
import type { Change, FlightView, HostName, View } from '../report/pages/view-model.ts';
import { rowsOf } from '../report/story/rows.ts';
import { inLines } from '../report/words/lines.ts';
import { pauseBetween } from '../report/words/time.ts';

type State = Change['from'];

/** The horizontal layout of a ladder, in pixels. */
export interface Frame {
  width: number;
  /** Of the lifelines. */
  x: Record<HostName, number>;
  /** Whether there is room for the time beside each row. */
  hasTimes: boolean;
}

/** One thing on a ladder. `top` and `bottom` are all that it covers. */
export type LadderItem = { key: string; atMs: number; top: number; bottom: number } & (
  | { what: 'flight'; flight: FlightView; departY: number; arriveY: number; changes: Change[] }
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
  items: LadderItem[];
  height: number;
  /** Each lifeline's states. */
  stretches: Record<HostName, Stretch[]>;
  held: { host: HostName; top: number; bottom: number } | null;
  /** The time of each row, in order, and where it ends. */
  ends: { atMs: number; y: number }[];
}

const FONT_WIDTH = 7.25;
const LINE = 17;

export function frameOf(width: number): Frame {
  const hasTimes = width >= 420;
  const left = hasTimes ? 74 : 4;
  return { width, hasTimes, x: { client: left + 58, server: width - 62 } };
}

/** Lays out a view's rows from top to bottom; an arrow slopes across the rows in between. */
export function layOut(view: View, frame: Frame): Layout {
  const rows = rowsOf(view.flights, view.changes, othersOf(view));
  const keys = keysOf(view);
  const columns = Math.floor((frame.x.server - frame.x.client - 32) / FONT_WIDTH);
  const items: LadderItem[] = [];
  const ends: Layout['ends'] = [];
  const stretches: Layout['stretches'] = { client: [], server: [] };
  const under = ofHosts((host): Stretch => ({ state: view.initial[host], top: 0, bottom: 0 }));
  const departed = new Map<FlightView, Extract<LadderItem, { what: 'flight' }>>();
  let held: Layout['held'] = null;
  let y = 10;
  let lastMs = rows[0]?.atMs ?? view.fromMs;
  /** Advances by the height of an item, and returns its position. */
  const place = (height: number) => {
    const top = y;
    y += height;
    return { top, bottom: y };
  };
  const placeChanges = (changes: readonly Change[]) => {
    for (const change of changes) {
      const { host, to, atMs } = change;
      const where = place(28);
      const middle = where.top + 14;
      items.push({ key: keys.get(change) ?? '', atMs, ...where, what: 'state', change });
      stretches[host].push({ ...under[host], bottom: middle });
      under[host] = { state: to, top: middle, bottom: 0 };
    }
  };
  for (const row of rows) {
    const { atMs } = row;
    const pause = pauseBetween(lastMs, atMs);
    if (pause !== null)
      items.push({ key: `pause ${items.at(-1)?.key}`, atMs, ...place(22), what: 'pause', text: pause });
    lastMs = atMs;
    switch (row.what) {
      case 'call':
      case 'rule-set':
      case 'rule-lifted': {
        const { key, host, text } = row;
        const isCall = row.what === 'call';
        const lines = broken(text, isCall ? columns : columns - 2);
        const where = place(lines.length * LINE + (isCall ? 5 : 8));
        items.push({ key, atMs, ...where, what: isCall ? 'call' : 'rule', host, lines, text });
        break;
      }
      case 'note': {
        const { key, text } = row;
        const lines = broken(text, columns);
        items.push({ key, atMs, ...place(lines.length * LINE + 6), what: 'note', lines, text });
        break;
      }
      case 'departure': {
        const { flight, isWhole } = row;
        placeChanges(row.sender);
        const where = place(flight.arrivesMs === null ? 46 : isWhole ? 40 : 30);
        const departY = where.top + 22;
        const key = keys.get(flight) ?? '';
        const ys = { departY, arriveY: departY + 10 };
        const changes = [...row.sender, ...row.receiver];
        const item = { key, atMs, ...where, what: 'flight' as const, flight, ...ys, changes };
        if (!isWhole) departed.set(flight, item);
        items.push(item);
        placeChanges(row.receiver);
        break;
      }
      case 'arrival': {
        const { bottom } = place(14);
        const item = departed.get(row.flight);
        if (item)
          Object.assign(item, { arriveY: bottom - 4, bottom, changes: [...item.changes, ...row.receiver] });
        placeChanges(row.receiver);
        break;
      }
      case 'change':
        placeChanges([row.transition]);
        break;
      case 'hold': {
        const { key, text } = row;
        const host = view.held?.host ?? 'client';
        const where = place(24);
        items.push({ key, atMs, ...where, what: 'hold', host, text });
        if (!held) held = { host, top: where.top + 12, bottom: 0 };
        else held.bottom = where.top + 12;
        break;
      }
    }
    const last = ends.at(-1);
    if (last && last.atMs >= atMs) last.y = y;
    else ends.push({ atMs, y });
  }
  const height = y + 14;
  for (const host of HOSTS) stretches[host].push({ ...under[host], bottom: height });
  if (held && held.bottom === 0) held.bottom = height;
  return { items, height, stretches, held, ends };
}

/** Where what has happened until a time ends. */
export function yAt({ ends }: Layout, atMs: number): number {
  return ends[firstAfter(ends, atMs) - 1]?.y ?? 0;
}

/** `key`: its name, which is the same in each view of a lab. */
type OtherItem = { key: string; atMs: number; text: string } & (
  | { what: 'call' | 'rule-set' | 'rule-lifted'; host: HostName }
  | { what: 'note' | 'hold' }
);

function othersOf({ acts, rules, notes, hold }: View): OtherItem[] {
  const all: OtherItem[] = [];
  for (const [index, act] of acts.entries()) all.push({ ...act, what: 'call', key: `act ${index}` });
  for (const { number, host, hook, text, setMs, liftedMs } of rules) {
    const set = `rule ${number}, ${hook}: ${text}`;
    all.push({ what: 'rule-set', atMs: setMs, host, text: set, key: `rule ${number}` });
    if (liftedMs === null) continue;
    const lifted = `rule ${number} removed`;
    all.push({ what: 'rule-lifted', atMs: liftedMs, host, text: lifted, key: `removed ${number}` });
  }
  for (const [index, note] of notes.entries()) all.push({ ...note, what: 'note', key: `note ${index}` });
  if (hold) all.push({ what: 'hold', atMs: hold.fromMs, text: 'held from here', key: 'hold' });
  if (hold && hold.toMs !== null)
    all.push({ what: 'hold', atMs: hold.toMs, text: 'held to here', key: 'held' });
  return all;
}

function keysOf({ flights, changes }: View): Map<FlightView | Change, string> {
  return new Map<FlightView | Change, string>([
    ...flights.map((flight, index) => [flight, `flight ${index}`] as const),
    ...changes.map((change, index) => [change, `change ${index}`] as const),
  ]);
}

/** Longer texts than these lines end in an ellipsis; the details have them whole. */
const LINES_SHOWN = 8;

/** Broken at spaces, and where a word is longer than a line, within it. */
function broken(text: string, columns: number): string[] {
  const width = Math.max(8, columns);
  const words = text
    .slice(0, 4000)
    .split(/\s+/)
    .flatMap((word) => word.match(new RegExp(`.{1,${width}}`, 'gu')) ?? []);
  const lines = inLines(words, width, ({ length }) => length);
  return lines.length > LINES_SHOWN ? [...lines.slice(0, LINES_SHOWN - 1), '…'] : lines;
}
