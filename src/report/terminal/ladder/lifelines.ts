import type { HostName } from '../../../evidence/events.ts';
import type { Transition } from '../../../evidence/transitions.ts';
import type { State } from '../../../tcp/state.ts';
import type { Story } from '../../story/story.ts';
import type { Glyphs } from './glyphs.ts';

/** Both lifelines at one time: their states, and whether one is held. */
export class Lifelines {
  readonly #states: Record<HostName, State>;
  readonly #held: { host: HostName; state: State } | undefined;
  #holding = false;

  constructor({ claim, transitions }: Story) {
    const first = (host: HostName): State => {
      const first = transitions.find((one) => one.host === host)?.from;
      return first ?? (claim?.held.host === host ? claim.held.state : claim?.peer) ?? 'CLOSED';
    };
    this.#states = { client: first('client'), server: first('server') };
    this.#held = claim?.held;
  }

  change(transition: Transition): void {
    if (!this.isOfListener(transition)) this.#states[transition.host] = transition.to;
  }

  /** Whether it is the listener's, from which the connection came and which may close before it. */
  isOfListener({ host, from }: Transition): boolean {
    return from === 'LISTEN' && this.#states[host] !== 'LISTEN' && this.#states[host] !== 'CLOSED';
  }

  hold(edge: 'begins' | 'ends'): void {
    this.#holding = edge === 'begins';
  }

  /** The state may have been left, and may be entered again, while it is held. */
  isHeld(host: HostName): boolean {
    return this.#holding && this.#held?.host === host && this.#states[host] === this.#held.state;
  }

  glyph(host: HostName, glyphs: Glyphs): string {
    if (this.isHeld(host)) return glyphs.held;
    return this.#states[host] === 'CLOSED' ? glyphs.none : glyphs.alive;
  }
}
