import type { RunEnded, RunStarted, TimelineEvent, TimelineLine } from '../../../evidence/events.ts';
import { Timeline } from '../../../evidence/timeline.ts';
import type { LabOutcome } from '../../story/run-fold.ts';

/** A saved timeline of one lab. */
export function savedTimeline(started: RunStarted, timeline: Timeline, durationMs: number): string {
  const writer = new TimelineWriter();
  return writer.start(started) + writer.lab(timeline) + writer.end(durationMs);
}

/** Turns a run, piece by piece and in order, into the lines of a saved timeline. */
export class TimelineWriter {
  #lines = 0;

  start(started: RunStarted): string {
    return this.#format([started]);
  }

  lab(outcome: LabOutcome): string {
    return this.#format(outcome instanceof Timeline ? outcome.withGaps() : [outcome]);
  }

  /** The next events of a lab that is written while it runs. */
  events(events: readonly TimelineEvent[]): string {
    return this.#format(events);
  }

  end(durationMs: RunEnded['durationMs']): string {
    return this.#format([{ type: 'run-ended', durationMs, lines: this.#lines + 1 }]);
  }

  #format(events: Iterable<TimelineLine>): string {
    let text = '';
    for (const event of events) {
      text += `${JSON.stringify(event)}\n`;
      this.#lines++;
    }
    return text;
  }
}
