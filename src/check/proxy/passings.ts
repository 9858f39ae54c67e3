import type { Captured, HostName, TimelineEvent } from '../../evidence/events.ts';
import type { Lab } from '../../lab/lab.ts';

export type Leg = 'front' | 'back';

/** A segment that says something about the connection itself, as an outer host of a relay captured it. */
export interface Passing {
  leg: Leg;
  what: 'SYN' | 'FIN' | 'RST' | 'zero window';
  /** Whether the relay sent it. */
  isFromRelay: boolean;
  /** The port at the relay's side, and the other one. */
  relayPort: number;
  port: number;
  /** Milliseconds of both labs. */
  atMs: number;
}

/** All of them, of both sides, in the order in which they became known. */
export class Passings {
  readonly #all: Passing[] = [];

  constructor(labs: Record<Leg, Lab>) {
    for (const leg of ['front', 'back'] as const) {
      const outer = leg === 'front' ? 'client' : 'server';
      labs[leg].timeline.follow((event) => this.#see(leg, outer, event));
    }
  }

  #see(leg: Leg, outer: HostName, event: TimelineEvent): void {
    if (event.type !== 'captured' || event.host !== outer || event.wire.kind !== 'tcp') return;
    const { source, destination } = event.wire.segment;
    const isFromRelay = event.direction === 'received';
    const [relay, other] = isFromRelay ? [source, destination] : [destination, source];
    for (const what of whatOf(event))
      this.#all.push({ leg, what, isFromRelay, relayPort: relay.port, port: other.port, atMs: event.atMs });
  }

  /** The first of these kinds since then. */
  first(wanted: Partial<Passing>, sinceMs = 0): Passing | undefined {
    return this.all(wanted, sinceMs).sort((one, other) => one.atMs - other.atMs)[0];
  }

  all(wanted: Partial<Passing>, sinceMs = 0): Passing[] {
    const entries = Object.entries(wanted) as [keyof Passing, unknown][];
    return this.#all.filter(
      (one) => one.atMs >= sinceMs && entries.every(([key, value]) => one[key] === value),
    );
  }
}

function whatOf({ wire }: Captured): Passing['what'][] {
  if (wire.kind !== 'tcp') return [];
  const { flags, window } = wire.segment;
  if (flags.includes('R')) return ['RST'];
  if (flags.includes('S')) return flags.includes('.') ? [] : ['SYN'];
  return [
    ...(flags.includes('F') ? (['FIN'] as const) : []),
    ...(window === 0 ? (['zero window'] as const) : []),
  ];
}
