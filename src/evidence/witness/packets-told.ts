import { advance, answersKnock, type End, type Input, UNKNOWN_END } from '../../tcp/fold.ts';
import type { State } from '../../tcp/state.ts';
import type { SeenInput } from '../inputs.ts';
import type { Sight } from './witness.ts';

/** What the segments of one end have told so far. It advances with each, and never looks back. */
export class PacketsTold {
  end: End = UNKNOWN_END;
  #listener: State | null = null;
  #doubt: string | undefined;
  #ofEnd: Sight[] = [];
  #ofListener: Sight[] = [];

  advance(input: SeenInput): void {
    this.#listener = listenerAfter(this.#listener, this.end, input);
    this.end = advance(this.end, input);
    this.#doubt ??= input.doubt;
    this.#tell(this.#ofEnd, input.atMs, this.end.state);
    this.#tell(this.#ofListener, input.atMs, this.#listener);
  }

  /** Of those that say the same one after the other, the first and the last. */
  sights(listening: boolean): readonly Sight[] {
    return listening ? this.#ofListener : this.#ofEnd;
  }

  /** One that goes on from here by itself. */
  copy(): PacketsTold {
    const copy = new PacketsTold();
    copy.end = this.end;
    copy.#listener = this.#listener;
    copy.#doubt = this.#doubt;
    copy.#ofEnd = [...this.#ofEnd];
    copy.#ofListener = [...this.#ofListener];
    return copy;
  }

  #tell(sights: Sight[], atMs: number, told: State | null): void {
    const state = this.#doubt === undefined ? told : null;
    const why = state ? null : (this.#doubt ?? 'no segment has told the state yet');
    const isSame = (before: Sight | undefined) =>
      before?.states[0] === (state ?? undefined) && before?.why === why;
    if (isSame(sights.at(-1)) && isSame(sights.at(-2))) sights.pop();
    sights.push({ atMs, states: state ? [state] : [], why });
  }
}

/** A listener shows in its answers to SYNs, whatever becomes of the connections. */
function listenerAfter(before: State | null, end: End, input: Input): State | null {
  if (input.direction !== 'sent' || !answersKnock(end, input.segment)) return before;
  return input.segment.flags.includes('R') ? 'CLOSED' : 'LISTEN';
}
