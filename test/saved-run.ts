import { createReadStream } from 'node:fs';
import type { RunEnded, RunStarted, ScenarioFailed } from '../src/evidence/events.ts';
import { Timeline } from '../src/evidence/timeline.ts';
import { readTimeline } from '../src/report/files/timeline/read.ts';

/** A whole saved timeline. */
export interface SavedRun {
  started: RunStarted;
  labs: Timeline[];
  failed: ScenarioFailed[];
  ended: RunEnded;
}

export function readSavedRun(path: string): Promise<SavedRun> {
  return collect(readTimeline(createReadStream(path), path));
}

export function parseSavedRun(text: string | Uint8Array): Promise<SavedRun> {
  return collect(readTimeline(once(Buffer.from(text)), 'the file'));
}

/** The scenario that a lab was for. */
export function scenarioOf(timeline: Timeline): string {
  return (timeline.of('claimed')[0] ?? timeline.of('gave-up')[0])?.scenario ?? '';
}

async function collect(pieces: ReturnType<typeof readTimeline>): Promise<SavedRun> {
  const run: Partial<SavedRun> & Pick<SavedRun, 'labs' | 'failed'> = { labs: [], failed: [] };
  for await (const piece of pieces) {
    if (piece instanceof Timeline) run.labs.push(piece);
    else if (piece.type === 'scenario-failed') run.failed.push(piece);
    else if (piece.type === 'run-started') run.started = piece;
    else run.ended = piece;
  }
  return run as SavedRun;
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
