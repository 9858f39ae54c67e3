import { arch, release } from 'node:os';
import { type RunStarted, TIMELINE_FORMAT } from '../evidence/events.ts';
import { VERSION } from '../evidence/version.ts';
import type { Scenario } from '../scenario/scenario.ts';

/** The first line of a saved timeline. */
export function runStarted(
  privilege: 'root' | 'user-namespace',
  scenarios: readonly Scenario[],
  repeat: number,
): RunStarted {
  return {
    type: 'run-started',
    format: TIMELINE_FORMAT,
    tool: { name: 'tcplab', version: VERSION },
    machine: { kernel: release(), arch: arch(), privilege },
    startedAt: new Date().toISOString(),
    scenarios: scenarios.map(({ id, heldBy }) => ({ id, heldBy })),
    repeat,
  };
}
