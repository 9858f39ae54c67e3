import type { Timeline } from '../../evidence/timeline.ts';

/** `packets from 1.20 s to 8.05 s are left out (123,456 captured): …`; nothing when all were kept. */
export function leftOutLines({ leftOut }: Timeline): string[] {
  if (!leftOut) return [];
  const { fromMs, untilMs, events } = leftOut;
  const [from, until] = [fromMs, untilMs].map((ms) => `${(ms / 1000).toFixed(2)} s`);
  return [
    `the packets from ${from} to ${until} are left out: ${events.toLocaleString('en-US')} events, more than tcplab keeps in memory`,
  ];
}
