import { Samples } from '../evidence/samples.ts';
import type { Timeline } from '../evidence/timeline.ts';
import { type Seen, seenOn } from '../evidence/watch/seen-connections.ts';
import type { Looks } from '../evidence/watch/view.ts';
import { isEnterable } from './host.ts';
import type { Lab, Tables } from './lab.ts';

/** Watches a lab in which others act. All that it knows is on the lab's timeline, and nothing of it is tcplab's doing. */
export class LabWatch {
  readonly #lab: Lab;
  readonly #samples: Samples;
  #lookedMs: number;

  /** The lab must have been opened with `watched`. */
  constructor(lab: Lab) {
    this.#lab = lab;
    loseTracefs(lab);
    this.#lookedMs = lab.nowMs();
    this.#samples = new Samples(this.#lookedMs);
  }

  get timeline(): Timeline {
    return this.#lab.timeline;
  }

  /** Brings the timeline up to now. */
  async look(): Promise<Tables> {
    const beganMs = this.#lab.nowMs();
    const tables = await this.#lab.observe();
    this.#lookedMs = beganMs;
    this.#samples.add(this.#lab.nowMs());
    return tables;
  }

  /** The connections and listeners seen until now. */
  get seen(): Seen {
    return seenOn(this.timeline);
  }

  /** All that had happened by their `atMs` is on the timeline. */
  get looks(): Looks {
    return this.#samples.looks(this.#lookedMs);
  }

  /** Puts on the timeline how long it was watched, as its last event. */
  end(): void {
    this.timeline.add({ type: 'watched', ...this.looks });
  }
}

/** tracefs does not say which namespace an event is of: of programs that choose their own ports it would show a part. */
function loseTracefs({ timeline, client, server }: Lab): void {
  if (timeline.of('lab-opened')[0]?.kernelEvents?.by !== 'tracefs') return;
  for (const host of [client, server])
    if (isEnterable(host)) host.loseKernelEvents('tracefs can’t tell the programs of a lab from others');
}
