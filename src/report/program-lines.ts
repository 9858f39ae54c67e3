import type { Timeline } from '../evidence/timeline.ts';

/** What programs of a lab did and said, as it scrolls by between the segments. */
export function programLines(timeline: Timeline): { atMs: number; lines: string[] }[] {
  const happened: { atMs: number; lines: string[] }[] = [];
  for (const event of timeline) {
    const told = (text: string) => `${`${(event.atMs / 1000).toFixed(4)} s`.padStart(12)}  ${text}`;
    const { atMs } = event;
    if (event.type === 'program-started')
      happened.push({ atMs, lines: [told(`${event.host} $ ${event.command}`)] });
    if (event.type === 'program-ended')
      happened.push({ atMs, lines: [told(`${event.host} ended with status ${event.status}`)] });
    if (event.type === 'program-said') {
      const lines = event.text.replace(/\n$/, '').split('\n');
      happened.push({ atMs, lines: lines.map((line) => told(`${event.host} > ${line}`)) });
    }
  }
  return happened;
}
