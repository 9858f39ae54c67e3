import { arch, release } from 'node:os';
import { type RunStarted, TIMELINE_FORMAT } from '../../evidence/events.ts';
import type { Timeline } from '../../evidence/timeline.ts';
import { VERSION } from '../../evidence/version.ts';
import type { MachineReport } from './run-report.ts';

type Privilege = MachineReport['privilege'];
type Named = RunStarted['scenarios'][number];

/** What made a report. */
export const TOOL: RunStarted['tool'] = { name: 'tcplab', version: VERSION };

/** What this machine is. */
export function thisMachine(privilege: Privilege): Omit<MachineReport, 'witnesses'> {
  return { kernel: release(), arch: arch(), privilege };
}

export function witnessesWith(kernelEvents: boolean): MachineReport['witnesses'] {
  return ['socket-table', 'packets', ...(kernelEvents ? (['kernel-events'] as const) : [])];
}

/** The first line of a saved timeline. */
export function runStarted(
  privilege: Privilege,
  scenarios: readonly Named[],
  repeat: number,
  startedAt: string = new Date().toISOString(),
): RunStarted {
  return {
    type: 'run-started',
    format: TIMELINE_FORMAT,
    tool: TOOL,
    machine: thisMachine(privilege),
    startedAt,
    scenarios: scenarios.map(({ id, heldBy }) => ({ id, heldBy })),
    repeat,
  };
}

/** The same of a lab that was opened without a run. */
export function labStarted(timeline: Timeline, privilege: string, scenario: Named): RunStarted {
  const startedAt = timeline.of('lab-opened')[0]?.startedAt;
  return runStarted(privilege === 'root' ? 'root' : 'user-namespace', [scenario], 1, startedAt);
}
