import type { Connection } from './connection.ts';
import { counted } from './counted.ts';
import type { HostName } from './events.ts';
import { passages, wordsOfDrop } from './segments.ts';
import type { Timeline } from './timeline.ts';

/**
 * What firewalls have dropped of a connection by rules that the lab has not set, in a sentence for each host: a state that they
 * prevent, or bring about, is not the scenario's doing.
 */
export function foreignDrops(timeline: Timeline, connection: Connection): string[] {
  const words = new Map<HostName, { segments: number; why: string }>();
  for (const { fate } of passages(timeline, connection)) {
    if (typeof fate === 'string' || !('discarded' in fate) || fate.discarded.reason !== 'NETFILTER_DROP')
      continue;
    const { host } = fate.discarded;
    const before = words.get(host)?.segments ?? 0;
    words.set(host, { segments: before + 1, why: wordsOfDrop(timeline, fate.discarded) });
  }
  return [...words].map(
    ([host, { segments, why }]) => `the ${host}'s kernel dropped ${counted(segments, 'segment')}: ${why}`,
  );
}
