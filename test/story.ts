import type { HostName } from '../src/evidence/events.ts';
import { inputsOf, passages } from '../src/evidence/segments.ts';
import type { Timeline } from '../src/evidence/timeline.ts';
import type { Input } from '../src/tcp/fold.ts';
import { CONNECTION } from './hand-built.ts';

/** `sent S`, `received S.` */
export function inputsAt(timeline: Timeline, host: HostName): string[] {
  return inputsOf(timeline, CONNECTION, host).map(
    (input: Input) => `${input.direction} ${'icmp' in input ? input.icmp.meaning : input.segment.flags}`,
  );
}

/** `S delivered`, `S dropped by 1` */
export function fates(timeline: Timeline): string[] {
  return passages(timeline, CONNECTION).map(({ wire, fate }) => {
    const flags = wire.kind === 'tcp' ? wire.segment.flags : wire.error.meaning;
    if (typeof fate === 'string') return `${flags} ${fate}`;
    return `${flags} dropped by ${'dropped' in fate ? fate.dropped.rule : fate.discarded.reason}`;
  });
}
