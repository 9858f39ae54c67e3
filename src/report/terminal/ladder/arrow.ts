import type { Flight } from '../../story/flight.ts';
import { broken } from '../text.ts';
import { type Glyphs, UNICODE } from './glyphs.ts';
import { labelForms } from './label.ts';
import { Line, type Span, type Tone, widthOf } from './line.ts';

/** The columns of the two lifelines; between them is the wire. */
interface Wire {
  client: number;
  server: number;
}

/**
 * Draws a flight on one line, from its sender's lifeline to where it ended, with the widest form of its label that fits
 * and that no other flight in its lane crosses. When none fits, gives the lines of the label, which then belong above it.
 */
export function drawFlight(
  line: Line,
  wire: Wire,
  flight: Flight,
  lanes: readonly number[],
  glyphs: Glyphs,
): Span[][] {
  const pen = new Pen(line, wire, flight, glyphs);
  for (const origin of [flight.origin, withoutRule(flight)]) {
    const fitting = labelForms(flight.label, pen.room, lanes.length > 0).filter((form) =>
      pen.fits(origin, form),
    );
    const label = fitting.find((form) => pen.isFree(origin, form, lanes)) ?? fitting.at(-1);
    if (!label) continue;
    pen.draw(origin, label);
    return [];
  }
  pen.draw(withoutRule(flight), []);
  return aboveArrow(flight, wire);
}

/** Draws the part of a flight from its sender to the lane in which it is then under way; its label as above. */
export function drawDeparture(
  line: Line,
  wire: Wire,
  flight: Flight,
  { lane, label }: Turn,
  glyphs: Glyphs,
): Span[][] {
  const pen = new Pen(line, wire, flight, glyphs);
  const from = pen.start(withoutRule(flight), label ?? []);
  pen.shaft(from, pen.positionOf(lane));
  line.write(lane, { text: glyphs.turnsDown[flight.from] });
  return label ? [] : aboveArrow(flight, wire);
}

/** Draws the rest of it, from its lane to the receiver. */
export function drawArrival(line: Line, wire: Wire, flight: Flight, lane: number, glyphs: Glyphs): void {
  const pen = new Pen(line, wire, flight, glyphs);
  pen.shaft(pen.positionOf(lane), pen.room - 1);
  pen.write(pen.room - 1, { text: glyphs.heads[flight.from] });
  line.write(lane, { text: glyphs.turnsIn[flight.from] });
}

/** Where a flight turns from its line into its lane, and the label before that; null when none has space there. */
export interface Turn {
  lane: number;
  label: Span[] | null;
}

/** The turn right after the label. */
export function turnOf(flight: Flight, wire: Wire, lanes: readonly number[]): Turn {
  const pen = new Pen(new Line(0), wire, flight, UNICODE);
  const endOf = (form: Span[]) => LABEL_AT.tcp + widthOf(form) + 2;
  const fitting = labelForms(flight.label, pen.room, true).filter((form) => endOf(form) <= pen.room - 3);
  const label = fitting.find((form) => pen.isFree('tcp', form, lanes)) ?? fitting.at(-1) ?? null;
  return { label, lane: label ? pen.columnOf(endOf(label)) : (wire.client + wire.server) >> 1 };
}

/** Writes at positions that count from the sender's lifeline to the receiver's. */
class Pen {
  readonly room: number;
  readonly #line: Line;
  readonly #wire: Wire;
  readonly #flight: Flight;
  readonly #glyphs: Glyphs;

  constructor(line: Line, wire: Wire, flight: Flight, glyphs: Glyphs) {
    this.#line = line;
    this.#wire = wire;
    this.#flight = flight;
    this.#glyphs = glyphs;
    this.room = wire.server - wire.client - 1;
  }

  /** Whether start, label and ending are within the room, with a bit of shaft before the end. */
  fits(origin: Flight['origin'], label: readonly Span[]): boolean {
    const start = labelPosition(origin) + widthOf(label) + 1;
    return start + endingWidth(this.#flight.ending) <= this.room;
  }

  /** Whether no lane is in the label's columns. */
  isFree(origin: Flight['origin'], label: readonly Span[], lanes: readonly number[]): boolean {
    const start = labelPosition(origin);
    const end = start + widthOf(label);
    return lanes.map((lane) => this.positionOf(lane)).every((at) => at < start || at >= end);
  }

  draw(origin: Flight['origin'], label: readonly Span[]): void {
    const { ending } = this.#flight;
    const from = this.start(origin, label);
    if (ending.what === 'delivered') {
      this.shaft(from, this.room - 1);
      this.write(this.room - 1, { text: this.#glyphs.heads[this.#flight.from] });
      return;
    }
    const why = endingText(ending);
    // One column stays free: what a firewall stops does not touch the lifeline behind it.
    const atReceiver = this.room - 2 - why.length - 1;
    const early = label.length > 0 ? from + 1 : Math.floor(this.room / 8);
    const place = { in: atReceiver, out: early };
    const stop =
      ending.what === 'dropped' ? place[ending.hook] : Math.max(early, Math.floor(this.room * 0.6));
    this.shaft(from, stop);
    this.write(stop, { text: this.#glyphs.stopped, tone: 'bad' });
    this.write(stop + 2, { text: why, tone: 'bad' });
  }

  /** Draws the start and the label; returns the column at which the shaft continues. */
  start(origin: Flight['origin'], label: readonly Span[]): number {
    const at = labelPosition(origin);
    if (typeof origin === 'object' && origin.rule !== null) this.write(1, { text: ruleName(origin.rule) });
    this.shaft(at - 2, at - 1);
    if (label.length === 0) return at - 1;
    this.write(at, label);
    return at + widthOf(label) + 1;
  }

  /** From one position up to, and not with, the other. */
  shaft(from: number, to: number): void {
    const { shaft, icmpShaft } = this.#glyphs;
    const text = this.#flight.flags === null ? icmpShaft : shaft;
    if (to > from) this.write(from, { text: text.repeat(to - from) });
  }

  write(position: number, spans: Span | readonly Span[]): void {
    const list: readonly Span[] = Array.isArray(spans) ? spans : [spans as Span];
    const { client, server } = this.#wire;
    const last = position + widthOf(list) - 1;
    this.#line.write(this.#flight.from === 'client' ? client + 1 + position : server - 1 - last, list);
  }

  positionOf(column: number): number {
    const { client, server } = this.#wire;
    return this.#flight.from === 'client' ? column - client - 1 : server - 1 - column;
  }

  columnOf(position: number): number {
    const { client, server } = this.#wire;
    return this.#flight.from === 'client' ? client + 1 + position : server - 1 - position;
  }
}

/** What a host's TCP sends begins at its lifeline; all else a column away from it. */
const LABEL_AT = { tcp: 2, elsewhere: 3 };

function labelPosition(origin: Flight['origin']): number {
  if (origin === 'tcp') return LABEL_AT.tcp;
  if (origin === 'crafted' || origin.rule === null) return LABEL_AT.elsewhere;
  return 1 + ruleName(origin.rule).length + 1 + 2;
}

function withoutRule({ origin }: Flight): Flight['origin'] {
  return typeof origin === 'object' ? { rule: null } : origin;
}

/** With the shortest shaft that shows its direction. */
function endingWidth(ending: Flight['ending']): number {
  if (ending.what === 'delivered') return 2;
  const why = endingText(ending);
  return 1 + 2 + why.length + 1;
}

function endingText(ending: Exclude<Flight['ending'], { what: 'delivered' }>): string {
  if (ending.what === 'dropped') return stopperName(ending.by);
  return ending.what === 'lost' ? (ending.by ?? ending.what) : ending.what;
}

/** What stopped it. */
function stopperName(by: number | string): string {
  if (typeof by === 'number') return ruleName(by);
  return by === 'NETFILTER_DROP' ? 'netfilter' : by;
}

export function ruleName(rule: number): string {
  return `rule ${rule}`;
}

/** A label that has lines of its own begins where its arrow does. */
function aboveArrow({ label, from }: Flight, wire: Wire): Span[][] {
  const room = wire.server - wire.client - 3;
  const form = labelForms(label, room, false).at(-1) ?? [];
  const tone: Tone | undefined = form.at(-1)?.tone;
  const lines = broken(form.map(({ text }) => text).join(''), room);
  const marks = form.slice(1).map(({ text }) => text.trim());
  return lines.map((text) => {
    const shown = from === 'client' ? text : text.padStart(room);
    const mark = marks.find((one) => shown.endsWith(one));
    return mark ? [{ text: shown.slice(0, -mark.length) }, { text: mark, tone }] : [{ text: shown }];
  });
}
