import type { HostName } from '../evidence/events.ts';
import { peculiaritiesOf } from '../evidence/socket-options.ts';
import type { Timeline } from '../evidence/timeline.ts';
import type { Tables } from '../lab/lab.ts';
import { formatEndpoint } from '../tcp/endpoint.ts';
import { forecast } from '../tcp/forecast.ts';
import type { TcpSysctls } from '../tcp/sysctls.ts';
import type { TimerView } from './model.ts';

/** A timer that moved by less than this has not moved: the kernel tells what is left of it in whole jiffies. */
const SAME_MS = 25;

/** The timers that run now, and what they will do if the peer says nothing more. */
export function runningTimers(
  timeline: Timeline,
  tables: Tables,
  sysctls: Record<HostName, TcpSysctls>,
  nowMs: number,
): TimerView[] {
  return (['client', 'server'] as const).flatMap((host) =>
    tables[host].flatMap((row): TimerView[] => {
      const { timer, nextMs, remaining, givesUpMs, nextState, because } = forecast(
        row,
        sysctls[host],
        peculiaritiesOf(timeline, host, row, sysctls[host]),
      );
      if (timer === null || nextMs === null) return [];
      return [
        {
          ...{ host, state: row.state, timer, remaining, nextState, because },
          local: formatEndpoint(row.local),
          remote: formatEndpoint(row.remote),
          firesMs: nowMs + nextMs,
          givesUpMs: givesUpMs === null ? null : nowMs + givesUpMs,
        },
      ];
    }),
  );
}

/** The timers as they were told before, as far as they still are the same; so that nothing new is told of them. */
export function settled(timers: TimerView[], before: readonly TimerView[]): TimerView[] {
  return timers.map((timer) => before.find((old) => isSame(old, timer)) ?? timer);
}

function isSame(a: TimerView, b: TimerView): boolean {
  const near = (one: number | null, other: number | null) =>
    one === null || other === null ? one === other : Math.abs(one - other) < SAME_MS;
  const rest = ({ firesMs, givesUpMs, ...same }: TimerView) => JSON.stringify(same);
  return near(a.firesMs, b.firesMs) && near(a.givesUpMs, b.givesUpMs) && rest(a) === rest(b);
}
