import type { Timeline } from '../../evidence/timeline.ts';
import { wrapBeside } from './layout.ts';
import { timeLabel } from './segment-line.ts';

/** When programs of a lab started and ended, and what they wrote, as it scrolls by between the segments. */
export function programLines(timeline: Timeline, columns: number): { atMs: number; lines: string[] }[] {
  const happened: { atMs: number; lines: string[] }[] = [];
  const entry = (atMs: number, text: string) => wrapBeside(timeLabel(atMs, columns), text, columns);
  for (const { atMs, host, command } of timeline.of('program-started'))
    happened.push({ atMs, lines: entry(atMs, `${host} $ ${command}`) });
  for (const { atMs, host, text } of timeline.of('program-said')) {
    const lines = text.replace(/\n$/, '').split('\n');
    happened.push({ atMs, lines: lines.flatMap((line) => entry(atMs, `${host} > ${line}`)) });
  }
  for (const { atMs, host, status } of timeline.of('program-ended'))
    happened.push({ atMs, lines: entry(atMs, `${host} exited with status ${status}`) });
  return happened.sort((a, b) => a.atMs - b.atMs);
}
