import type { HostName } from '../../../evidence/events.ts';
import { isUnexplained, type Transition } from '../../../evidence/transitions.ts';
import type { Flight } from '../../story/flight.ts';
import type { Moment } from '../../story/moment.ts';
import type { Story } from '../../story/story.ts';
import { formatTime, pauseBetween } from '../../words/time.ts';
import type { Style } from '../style.ts';
import { broken, columnsOf } from '../text.ts';
import { drawArrival, drawDeparture, drawFlight, ruleName, type Turn, turnOf } from './arrow.ts';
import { ASCII, type Glyphs, toAscii } from './glyphs.ts';
import { mergeCalls } from './joined-calls.ts';
import { Lifelines } from './lifelines.ts';
import { Line, type Span } from './line.ts';
import type { Page } from './page.ts';

/** The rows of a ladder, from its first moment on. */
export function drawRows(story: Story, page: Page, glyphs: Glyphs, style: Style): string[] {
  const rows = new Rows(story, page, glyphs, style);
  for (const moment of mergeCalls(story.moments, page.beside)) rows.add(moment);
  return rows.drawn;
}

/** How far a ladder is drawn. */
export interface Drawn {
  firstMs: number;
  lastMs: number;
  /** The last time that is printed before a row. */
  lastTime: string;
}

export class Rows {
  readonly drawn: string[] = [];
  readonly #page: Page;
  readonly #glyphs: Glyphs;
  readonly #style: Style;
  readonly #lifelines: Lifelines;
  readonly #held: HostName | undefined;
  /** The flights that are under way, each in a column of its own. */
  readonly #lanes = new Map<Flight, number>();
  readonly #firstMs: number;
  /** The moment of this row, and the last that was drawn in its order. */
  #nowMs: number;
  #lastMs: number;
  #lastTime: string;
  #isLate = false;
  #isShown = true;

  /** `before`: the rows of the same story when less of it was known. */
  constructor(story: Story, page: Page, glyphs: Glyphs, style: Style, before?: Drawn) {
    this.#page = page;
    this.#glyphs = glyphs;
    this.#style = style;
    this.#lifelines = new Lifelines(story);
    this.#held = story.claim?.held.host;
    this.#firstMs = before?.firstMs ?? story.moments[0]?.atMs ?? 0;
    this.#lastMs = before?.lastMs ?? this.#firstMs;
    this.#lastTime = before?.lastTime ?? '';
    this.#nowMs = this.#lastMs;
  }

  get reached(): Drawn {
    return { firstMs: this.#firstMs, lastMs: this.#lastMs, lastTime: this.#lastTime };
  }

  /**
   * `isShown`: false of what was drawn before, which only changes how the rows after it look. `isLate`: not only by its time,
   * but because of what stands there already.
   */
  add(
    moment: Moment,
    { isShown, isLate }: { isShown: boolean; isLate: boolean } = { isShown: true, isLate: false },
  ): void {
    this.#isShown = isShown;
    this.#nowMs = moment.atMs;
    if (isShown) this.#goOn(isLate || this.#nowMs < this.#lastMs);
    switch (moment.what) {
      case 'call':
        this.#call(moment);
        break;
      case 'rule-set':
        this.#rule(moment.host, `${ruleName(moment.rule)}: ${moment.text}`);
        break;
      case 'rule-lifted':
        this.#rule(moment.host, `${ruleName(moment.rule)} removed`);
        break;
      case 'departure':
        this.#departure(moment);
        break;
      case 'arrival':
        this.#arrival(moment);
        break;
      case 'change':
        this.#change(moment.transition, whyChanged(moment.transition));
        break;
      case 'hold':
        this.#hold(moment.edge);
        break;
      case 'note':
        this.#note(moment.text);
        break;
    }
  }

  /** To the time of the next row. */
  #goOn(isLate: boolean): void {
    if (isLate && !this.#isLate) this.#break('late');
    if (!isLate && this.#isLate) this.#lastTime = '';
    this.#isLate = isLate;
    if (isLate) return;
    const pause = pauseBetween(this.#lastMs, this.#nowMs);
    if (pause !== null) this.#break(pause);
    this.#lastMs = this.#nowMs;
  }

  #call({ host, text, port }: Extract<Moment, { what: 'call' }>): void {
    for (const [index, part] of this.#broken(text, this.#page.beside).entries()) {
      const line = this.#line();
      this.#beside(line, host, { text: part });
      if (index === 0 && port !== null) this.#inside(line, host, { text: `:${port}`, tone: 'dim' });
      this.#push(line);
    }
  }

  #rule(host: HostName, text: string): void {
    const parts = this.#broken(text, this.#room - 4);
    const width = Math.max(...parts.map(columnsOf));
    for (const part of parts) {
      const line = this.#line();
      const wall = host === 'client' ? this.#page.client + 1 : this.#page.server - 1;
      line.write(wall, { text: this.#glyphs.firewall });
      this.#inside(line, host, { text: part + ' '.repeat(width - columnsOf(part)) }, 2);
      this.#push(line);
    }
  }

  #departure({ flight, sender, receiver, isWhole }: Extract<Moment, { what: 'departure' }>): void {
    // What has changed before it left, it shows: only the last is its own doing.
    for (const change of sender.slice(0, -1)) this.#change(change, whyChanged(change));
    const own = sender.at(-1);
    for (const change of [own, receiver[0]]) if (change) this.#lifelines.change(change);
    const line = this.#line();
    if (flight.origin === 'tcp') this.#leave(line, flight.from);
    const plain = { ...flight, label: { ...flight.label, icmp: this.#plain(flight.label.icmp) } };
    const lanes = [...this.#lanes.values()];
    const turn = isWhole ? undefined : this.#freeTurn(plain, lanes);
    const above =
      turn === undefined
        ? drawFlight(line, this.#page, plain, lanes, this.#glyphs)
        : drawDeparture(line, this.#page, plain, turn, this.#glyphs);
    for (const spans of above) {
      const label = this.#line();
      label.write(this.#page.client + 2, spans);
      this.#push(label);
    }
    this.#states(line, own, receiver[0]);
    this.#push(line);
    if (turn !== undefined) this.#lanes.set(flight, turn.lane);
    for (const change of receiver.slice(1)) this.#change(change, null);
  }

  #arrival({ flight, receiver }: Extract<Moment, { what: 'arrival' }>): void {
    const lane = this.#lanes.get(flight) ?? this.#page.client + 1;
    this.#lanes.delete(flight);
    if (receiver[0]) this.#lifelines.change(receiver[0]);
    const line = this.#line();
    drawArrival(line, this.#page, flight, lane, this.#glyphs);
    this.#states(line, receiver[0]);
    this.#push(line);
    for (const change of receiver.slice(1)) this.#change(change, null);
  }

  #change(change: Transition, why: string | null): void {
    const isOfListener = this.#lifelines.isOfListener(change);
    this.#lifelines.change(change);
    const line = this.#line();
    if (isOfListener) {
      const parts = this.#broken(`${change.from} → ${change.to}`, this.#page.beside);
      for (const text of parts.slice(0, -1)) {
        const before = this.#line();
        this.#beside(before, change.host, { text, tone: 'dim' });
        this.#push(before);
      }
      this.#beside(line, change.host, { text: parts.at(-1) ?? '', tone: 'dim' });
    } else {
      this.#states(line, change);
    }
    if (why !== null) this.#inside(line, change.host, { text: why, tone: 'dim' });
    this.#push(line);
  }

  #hold(edge: 'begins' | 'ends'): void {
    const host = this.#held;
    if (!host) return;
    const wasHeld = this.#lifelines.isHeld(host);
    this.#lifelines.hold(edge);
    const isKept = edge === 'begins' ? this.#lifelines.isHeld(host) : wasHeld;
    const cap = edge === 'begins' ? this.#glyphs.holdBegins : this.#glyphs.holdEnds;
    const text = edge === 'begins' ? 'hold begins' : isKept ? 'hold ends' : 'watch ends';
    const line = this.#line();
    if (isKept) line.write(this.#page[host], { text: cap, tone: 'good' });
    this.#beside(line, host, { text, tone: 'good' });
    this.#push(line);
  }

  #note(text: string): void {
    for (const [index, part] of this.#broken(text, this.#room - 4).entries()) {
      const line = this.#line();
      const sign = index === 0 ? this.#glyphs.note : ' ';
      line.write(this.#page.client + 2, { text: `${sign} ${part}`, tone: 'dim' });
      this.#push(line);
    }
  }

  /** Between rows that do not follow each other at once. */
  #break(why: string): void {
    const { client, server } = this.#page;
    const line = new Line(this.#page.width);
    const text = `${this.#glyphs.pause} ${why}`;
    line.write(Math.max(0, this.#page.time - text.length), { text, tone: 'dim' });
    for (const column of [client, server, ...this.#lanes.values()])
      line.write(column, { text: this.#glyphs.pause });
    this.drawn.push(line.render(this.#style));
    this.#lastTime = '';
  }

  /** A line with both lifelines. */
  #line(): Line {
    const line = new Line(this.#page.width);
    for (const host of ['client', 'server'] as const) {
      const tone = this.#lifelines.isHeld(host) ? 'good' : undefined;
      line.write(this.#page[host], { text: this.#lifelines.glyph(host, this.#glyphs), tone });
    }
    return line;
  }

  /** Puts the time before the line, if it is another than that of the line above. */
  #push(line: Line): void {
    if (!this.#isShown) return;
    const time = this.#plain(formatTime(this.#nowMs - this.#firstMs));
    if (time !== this.#lastTime) line.write(this.#page.time - columnsOf(time), { text: time, tone: 'dim' });
    this.#lastTime = time;
    this.#crossLanes(line);
    this.drawn.push(line.render(this.#style));
  }

  #crossLanes(line: Line): void {
    const { shaft, icmpShaft, underWay, crossing } = this.#glyphs;
    for (const lane of this.#lanes.values()) {
      const there = line.at(lane);
      if (there === ' ') line.write(lane, { text: underWay });
      if (there === shaft || there === icmpShaft) line.write(lane, { text: crossing });
    }
  }

  /** The column in which a flight waits for its arrival: neither in nor next to another's. */
  #freeTurn(flight: Flight, lanes: readonly number[]): Turn {
    const { client, server } = this.#page;
    let { lane, label } = turnOf(flight, this.#page, lanes);
    const isTaken = () => lanes.some((other) => Math.abs(other - lane) < 2);
    const onward = flight.from === 'client' ? 1 : -1;
    while (isTaken() && lane + onward > client + 2 && lane + onward < server - 2) lane += onward;
    return { lane, label };
  }

  #leave(line: Line, host: HostName): void {
    const isHeld = this.#lifelines.isHeld(host);
    const text = (isHeld ? this.#glyphs.leavesHeld : this.#glyphs.leaves)[host];
    line.write(this.#page[host], { text, tone: isHeld ? 'good' : undefined });
  }

  #states(line: Line, ...changes: (Transition | undefined)[]): void {
    for (const change of changes) {
      if (!change) continue;
      const space = change.to.length + 2 > this.#page.beside ? '' : ' ';
      const unexplained = isUnexplained(change) ? `${space}?` : '';
      this.#beside(line, change.host, { text: change.to + unexplained, tone: 'bold' });
    }
  }

  /** Outside of the host's lifeline. */
  #beside(line: Line, host: HostName, span: Span): void {
    const { client, server, width } = this.#page;
    const columns = columnsOf(span.text);
    // One column wider than the others at most: `SYN-RECEIVED?`
    const right = Math.max(server + 1, Math.min(server + 2, width - columns));
    line.write(host === 'client' ? client - 1 - columns : right, span);
  }

  /** Between the lifelines, near the host's. */
  #inside(line: Line, host: HostName, span: Span, gap = 1): void {
    const { client, server } = this.#page;
    line.write(host === 'client' ? client + 1 + gap : server - gap - columnsOf(span.text), span);
  }

  get #room(): number {
    return this.#page.server - this.#page.client - 1;
  }

  #broken(text: string, columns: number): string[] {
    return broken(this.#plain(text), columns);
  }

  #plain(text: string): string {
    return this.#glyphs === ASCII ? toAscii(text) : text;
  }
}

/** The cause of a change without a segment: the timer, if one ran. A call has its own row. */
function whyChanged({ arc, why }: Transition): string | null {
  if (arc === null) return why ?? null;
  return /exhausted|timeout|MSL/.test(arc.trigger) ? arc.trigger : null;
}
