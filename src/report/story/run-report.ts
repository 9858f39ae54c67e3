import type { WitnessName } from '../../evidence/witness/witness.ts';
import type { ScenarioResult } from './result.ts';

export const RUN_FORMAT = 'tcplab.run/1';

/** This machine, and the witnesses that were available on it. */
export interface MachineReport {
  kernel: string;
  arch: string;
  privilege: 'root' | 'user-namespace';
  witnesses: WitnessName[];
}

/** What every report begins with. */
export interface Report {
  tool: { name: 'tcplab'; version: string };
  /** ISO 8601. */
  startedAt: string;
  durationMs: number;
}

/** What `tcplab run --json` prints; schema/run.schema.json describes it. */
export interface RunReport extends Report {
  format: typeof RUN_FORMAT;
  machine: MachineReport;
  results: ScenarioResult[];
}
