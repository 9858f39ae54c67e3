import type { Timeline } from '../evidence/timeline.ts';
import { wrapBeside } from './layout.ts';
import { timeLabel } from './segment-line.ts';

/** When programs of a lab started and ended, and what they wrote, as it scrolls by between the segments. */
export function programLines(timeline: Timeline, columns: number): { atMs: number; lines: string[] }[] {
  const happened: { atMs: number; lines: string[] }[] = [];
  for (const event of timeline) {
    const { atMs } = event;
    const told = (text: string) => wrapBeside(timeLabel(atMs, columns), text, columns);
    if (event.type === 'program-started')
      happened.push({ atMs, lines: told(`${event.host} $ ${event.command}`) });
    if (event.type === 'program-ended')
      happened.push({ atMs, lines: told(`${event.host} exited with status ${event.status}`) });
    if (event.type === 'program-said') {
      const lines = event.text.replace(/\n$/, '').split('\n');
      happened.push({ atMs, lines: lines.flatMap((line) => told(`${event.host} > ${line}`)) });
    }
  }
  return happened;
}
