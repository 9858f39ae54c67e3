import type { Lost, RunStarted, TimelineEvent } from '../../../evidence/events.ts';
import { InTime } from '../../../evidence/in-time.ts';
import type { Timeline } from '../../../evidence/timeline.ts';
import { TimelineWriter } from './write.ts';

/** So many lines are written at once. */
const TOGETHER = 256;

/** Writes the timeline of one lab as it grows, so that settled events need not stay in memory. */
export class TimelineRecorder {
  readonly #writer = new TimelineWriter();
  readonly #write: (text: string) => void;
  readonly #waiting = new InTime<TimelineEvent>();
  readonly #started: RunStarted;
  /** The time of the last line. */
  #writtenMs = Number.NEGATIVE_INFINITY;

  constructor(started: RunStarted, timeline: Timeline, write: (text: string) => void) {
    this.#started = started;
    this.#write = write;
    write(this.#writer.start(started));
    for (const event of timeline) this.#waiting.add(event);
    timeline.follow((event) => this.#waiting.add(event));
    timeline.onSettled((untilMs) => this.#writeUntil(untilMs));
  }

  /** Writes the rest. */
  end(): void {
    this.#writeUntil(Number.POSITIVE_INFINITY);
    this.#write(this.#writer.end(Date.now() - Date.parse(this.#started.startedAt)));
  }

  #writeUntil(untilMs: number): void {
    const late = this.#waiting.takeOut(Number.NEGATIVE_INFINITY, this.#writtenMs);
    if (late.length > 0) for (const lost of tooLate(late, this.#writtenMs)) this.#waiting.add(lost);
    const next = this.#waiting.takeOut(Number.NEGATIVE_INFINITY, untilMs);
    if (next.length === 0) return;
    this.#writtenMs = (next.at(-1) as TimelineEvent).atMs;
    for (let at = 0; at < next.length; at += TOGETHER)
      this.#write(this.#writer.events(next.slice(at, at + TOGETHER)));
  }
}

/** The lines of a file are in the order of time: an event that comes too late for its place is missing. */
function tooLate(late: readonly TimelineEvent[], atMs: number): Lost[] {
  const sinceMs = (late[0] as TimelineEvent).atMs;
  const what = `${late.length} events came too late to be saved in their order`;
  const lost = { type: 'lost', atMs, what, sinceMs } as const;
  return [
    { ...lost, witness: 'packets', host: 'client' },
    { ...lost, witness: 'packets', host: 'server' },
    { ...lost, witness: 'kernel-events', host: null },
  ];
}
