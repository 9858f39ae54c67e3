import { TcplabError } from '../error.ts';
import type { Host } from '../lab/host.ts';
import type { Lab } from '../lab/lab.ts';
import type { Fate, Rule } from '../lab/rule.ts';

/** Which segments a rule is about. What is not said does not matter. */
export interface Segments {
  /** `in`: what arrives for this host; `out`: what it sends. `in` if not said. */
  direction?: 'in' | 'out';
  /** Those that carry all of these, in tcpdump’s letters: S(YN), F(IN), R(ST), P(SH), U(RG) and `.` for ACK. */
  flags?: string;
  sourcePort?: number;
  destinationPort?: number;
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
  /** What the sender is told; `rst` if not said. */
  with?: Rejection;
}

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

  /** How many segments it has met, by its own counter. */
  async met(): Promise<number> {
    if (!this.#isLifted) await this.#host.countRules();
    const counts = this.#lab.timeline.of('rule-counted').filter(({ rule }) => rule === this.#number);
    return counts.at(-1)?.packets ?? 0;
  }

  /** Takes it away. Once is enough, more does no harm. */
  async lift(): Promise<void> {
    if (this.#isLifted) return;
    this.#isLifted = true;
    await this.#host.liftRule(this.#number);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lift();
  }
}

export async function setRule(lab: Lab, host: Host, segments: Segments, fate: Fate): Promise<TestRule> {
  const { direction = 'in', flags, sourcePort, destinationPort } = segments;
  if (flags !== undefined && !/^[SFRPU.]+$/.test(flags)) {
    throw new TcplabError(
      'USAGE',
      `no flags of TCP: ${JSON.stringify(flags)}: write them as tcpdump does, S F R P U and . for ACK`,
    );
  }
  const rule: Rule = {
    hook: direction,
    fate,
    ...(flags === undefined ? {} : { flags }),
    ...(sourcePort === undefined ? {} : { sourcePort }),
    ...(destinationPort === undefined ? {} : { destinationPort }),
  };
  return new TestRule(lab, host, await host.setRule(rule));
}

export function fateOf({ with: answer = 'rst' }: Rejected): Fate {
  return REJECTIONS[answer];
}
