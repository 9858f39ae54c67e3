import type { HostName } from '../evidence/events.ts';
import { outlookOf } from '../evidence/outlook.ts';
import type { Timeline } from '../evidence/timeline.ts';
import type { Tables } from '../lab/lab.ts';
import { formatEndpoint } from '../tcp/endpoint.ts';
import type { TcpSysctls } from '../tcp/sysctls.ts';
import type { TimerView } from './model.ts';

/** A timer that moved by less than this has not moved: the kernel reports the remaining time in whole jiffies. */
const SAME_MS = 25;

/** The running timers, and what they will do if the peer sends nothing more. */
export function runningTimers(
  timeline: Timeline,
  tables: Tables,
  sysctls: Record<HostName, TcpSysctls>,
  nowMs: number,
): TimerView[] {
  return (['client', 'server'] as const).flatMap((host) =>
    tables[host].flatMap((row): TimerView[] => {
      const { timer, nextMs, remaining, givesUpMs, atMostMs, nextState, unless, because } = outlookOf(
        host,
        row,
        {
          ...{ timeline, tables, sysctls, nowMs },
        },
      );
      if (timer === null || nextMs === null) return [];
      return [
        {
          ...{ host, state: row.state, timer, remaining, nextState, unless, because },
          local: formatEndpoint(row.local),
          remote: formatEndpoint(row.remote),
          firesMs: nowMs + nextMs,
          givesUpMs: givesUpMs === null ? null : nowMs + givesUpMs,
          atMostMs: atMostMs === null ? null : nowMs + atMostMs,
        },
      ];
    }),
  );
}

/** Replaces each timer by its earlier equal, so that only real changes are sent to the page. */
export function settled(timers: TimerView[], before: readonly TimerView[]): TimerView[] {
  return timers.map((timer) => before.find((old) => isSame(old, timer)) ?? timer);
}

function isSame(a: TimerView, b: TimerView): boolean {
  const near = (one: number | null, other: number | null) =>
    one === null || other === null ? one === other : Math.abs(one - other) < SAME_MS;
  const rest = ({ firesMs, givesUpMs, atMostMs, ...same }: TimerView) => JSON.stringify(same);
  const times = ['firesMs', 'givesUpMs', 'atMostMs'] as const;
  return times.every((time) => near(a[time], b[time])) && rest(a) === rest(b);
}
