import type { TimelineEvent } from '../../../evidence/events.ts';
import { settle } from '../../../evidence/packet-index.ts';
import { isObject } from '../../../evidence/shape.ts';
import { Timeline } from '../../../evidence/timeline.ts';
import { decodePacket } from '../../../tcp/segment.ts';
import { LineError } from './lines.ts';
import { CUT } from './parse.ts';

const SETTLE_EVERY = 4096;

/** The events of one packet are not further apart. */
const TOGETHER_MS = 100;

/** The events of one lab, as they come in. */
export class OpenLab {
  readonly #scenario: string;
  readonly #timeline = new Timeline();
  readonly #rules = new Set<string>();
  /** The lines that first name a rule: a packet may be dropped before the call that sets its rule has returned. */
  readonly #namesRule = new Map<string, number>();
  #lastMs = Number.NEGATIVE_INFINITY;
  #claimedMs: number | undefined;
  #isWhole = false;
  #isHeld = false;
  /** Others acted in it, and nothing may be claimed. */
  #isWatched = false;

  constructor(scenario: string) {
    this.#scenario = scenario;
  }

  add(event: TimelineEvent, line: number): void {
    const { atMs } = event;
    if (atMs < this.#lastMs) {
      const found = `atMs ${atMs} after ${this.#lastMs}`;
      throw new LineError(line, `expected events in the order of time, found ${found}`);
    }
    if (event.type === 'claimed' || event.type === 'gave-up') this.#claim(event, line);
    if (event.type === 'held') this.#hold(event, line);
    if (event.type === 'lab-opened') this.#isWatched = event.watched === true;
    if (event.type === 'watched') this.#watch(event, line);
    if ('wire' in event) mustMatchBytes(event, line);
    if (event.type === 'box-opened')
      for (const { rule } of event.rules) this.#rules.add(`rule ${rule} of the box`);
    if ('rule' in event) {
      const rule = `rule ${event.rule} of the ${'host' in event ? event.host : 'box'}`;
      if (event.type === 'rule-set') this.#rules.add(rule);
      else if (!this.#namesRule.has(rule)) this.#namesRule.set(rule, line);
    }
    this.#lastMs = atMs;
    this.#timeline.add(event);
    // As a lab does: of a long one, no more is kept than of a lab.
    if (this.#timeline.added % SETTLE_EVERY === 0) settle(this.#timeline, atMs - TOGETHER_MS);
  }

  close(line: number): Timeline {
    for (const [rule, number] of this.#namesRule) {
      if (!this.#rules.has(rule)) throw new LineError(number, `expected a rule of this lab, found ${rule}`);
    }
    if (this.#isWhole) return this.#timeline;
    if (this.#isWatched) throw new LineError(line, 'expected watched before a lab that is watched ends', CUT);
    throw new LineError(line, `expected claimed or gave-up before the lab of ${this.#scenario} ends`, CUT);
  }

  #watch({ fromMs, atMs }: Extract<TimelineEvent, { type: 'watched' }>, line: number): void {
    if (!this.#isWatched) throw new LineError(line, 'expected watched only in a lab that is watched');
    if (this.#isWhole) throw new LineError(line, 'expected one watched in a lab, found a second');
    if (fromMs > atMs) throw new LineError(line, `watched: expected fromMs up to ${atMs}, found ${fromMs}`);
    this.#isWhole = true;
  }

  #claim({ type, scenario, atMs }: Extract<TimelineEvent, { scenario: string }>, line: number): void {
    if (this.#isWatched)
      throw new LineError(line, `expected no claim in a lab that is watched, found ${type}`);
    if (this.#isWhole)
      throw new LineError(line, `expected one claimed or gave-up in a lab, found a second: ${type}`);
    if (scenario !== this.#scenario) {
      const found = `${this.#scenario}, which is next in the run, found ${scenario}`;
      throw new LineError(line, `expected ${found}`);
    }
    this.#isWhole = true;
    if (type === 'claimed') this.#claimedMs = atMs;
  }

  #hold({ fromMs, atMs }: Extract<TimelineEvent, { type: 'held' }>, line: number): void {
    const claimedMs = this.#claimedMs;
    if (claimedMs === undefined) throw new LineError(line, 'expected claimed before held');
    if (this.#isHeld) throw new LineError(line, 'expected one held in a lab, found a second');
    if (fromMs < claimedMs || fromMs > atMs) {
      const found = `fromMs ${fromMs}`;
      throw new LineError(
        line,
        `held: expected a hold from ${claimedMs} (claimed) to ${atMs}, found ${found}`,
      );
    }
    this.#isHeld = true;
  }
}

/** All that `wire` has must be in the bytes. */
function mustMatchBytes(event: Extract<TimelineEvent, { wire: unknown }>, line: number): void {
  const decoded = decodePacket(Buffer.from(event.bytes, 'base64'));
  const flaw = decoded ? contradiction(event.wire, decoded, 'wire') : 'bytes: expected a TCP or ICMP packet';
  if (flaw !== undefined) throw new LineError(line, `${event.type}: ${flaw}`);
}

function contradiction(said: unknown, decoded: unknown, path: string): string | undefined {
  if (isObject(said) && isObject(decoded)) {
    for (const [key, value] of Object.entries(said)) {
      const found = contradiction(value, decoded[key], `${path}.${key}`);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  if (said === decoded) return undefined;
  return `${path}: expected ${JSON.stringify(decoded)} as in bytes, found ${JSON.stringify(said)}`;
}
