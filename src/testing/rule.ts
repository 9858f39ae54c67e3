import { mustFit, port } from '../evidence/arguments.ts';
import { type Fields, object, oneOf, optional } from '../evidence/shape.ts';
import { ECN, FLAGS, PACKET_LENGTH, TRACKED, WINDOW } from '../lab/guarded-host.ts';
import type { Host } from '../lab/host.ts';
import type { Lab } from '../lab/lab.ts';
import type { EcnField, Fate, Rule, Span, TrackedState } from '../lab/rule.ts';

/** Which segments a rule matches. An omitted field matches every segment. */
export interface Segments {
  /** `in`: segments that arrive at this host; `out`: segments that it sends. Default: `in`. */
  direction?: 'in' | 'out';
  /** Segments with all of these flags, in tcpdump's letters: S(YN), F(IN), R(ST), P(SH), U(RG), E(CE), (C)W(R) and `.` for ACK. */
  flags?: string;
  sourcePort?: number;
  destinationPort?: number;
  /** The length of the whole packet in bytes, with the headers of IP and TCP: a number, or `{ first, last }`. */
  length?: number | Span;
  /** The window field as it is on the wire, not scaled: a number, or `{ first, last }`. */
  window?: number | Span;
  /** The ECN field of the IP header (RFC 3168). */
  ecn?: EcnField;
  /** The state that connection tracking gives to the segment (conntrack). Tracking begins with the first such rule. */
  tracked?: TrackedState;
}

/** What a rejection tells the sender. */
export type Rejection = 'rst' | 'port-unreachable' | 'host-unreachable' | 'administratively-prohibited';

const REJECTIONS: Record<Rejection, Fate> = {
  rst: 'reject with RST',
  'port-unreachable': 'reject with port unreachable',
  'host-unreachable': 'reject with host unreachable',
  'administratively-prohibited': 'reject with administratively prohibited',
};

export interface Rejected extends Segments {
  /** The reply to the sender: an RST or an ICMP error. Default: `rst`. */
  with?: Rejection;
}

const SEGMENTS: Fields<Segments> = {
  direction: optional(oneOf('in', 'out')),
  flags: optional(FLAGS),
  sourcePort: optional(port),
  destinationPort: optional(port),
  length: optional(PACKET_LENGTH),
  window: optional(WINDOW),
  ecn: optional(ECN),
  tracked: optional(TRACKED),
};
const DROPPED = object<Segments>(SEGMENTS);
const REJECTED = object<Rejected>({
  ...SEGMENTS,
  with: optional(oneOf(...(Object.keys(REJECTIONS) as Rejection[]))),
});

/** A rule in force. */
export class TestRule implements AsyncDisposable {
  readonly #lab: Lab;
  readonly #host: Host;
  readonly #number: number;
  #isLifted = false;

  constructor(lab: Lab, host: Host, number: number) {
    this.#lab = lab;
    this.#host = host;
    this.#number = number;
  }

  /** How many segments it has matched, by its counter in the kernel. */
  async met(): Promise<number> {
    if (!this.#isLifted) await this.#host.countRules();
    const counts = this.#lab.timeline.of('rule-counted').filter(({ rule }) => rule === this.#number);
    return counts.at(-1)?.packets ?? 0;
  }

  /** Removes it. A second call does nothing. */
  async lift(): Promise<void> {
    if (this.#isLifted) return;
    this.#isLifted = true;
    await this.#host.liftRule(this.#number);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lift();
  }
}

export async function drop(lab: Lab, host: Host, segments: Segments): Promise<TestRule> {
  mustFit('drop() options', DROPPED, segments, "example: lab.server.drop({ direction: 'in', flags: 'S' })");
  return setRule(lab, host, segments, 'drop');
}

export async function reject(lab: Lab, host: Host, segments: Rejected): Promise<TestRule> {
  mustFit('reject() options', REJECTED, segments, "example: lab.server.reject({ with: 'host-unreachable' })");
  return setRule(lab, host, segments, REJECTIONS[segments.with ?? 'rst']);
}

async function setRule(lab: Lab, host: Host, segments: Segments, fate: Fate): Promise<TestRule> {
  const { direction = 'in', ...matches } = segments;
  const given = Object.entries(matches).filter(([name, value]) => name !== 'with' && value !== undefined);
  const rule: Rule = { hook: direction, fate, ...Object.fromEntries(given) };
  return new TestRule(lab, host, await host.setRule(rule));
}
