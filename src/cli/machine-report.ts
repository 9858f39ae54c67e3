import { arch, release } from 'node:os';
import type { MachineReport } from '../report/story/run-report.ts';

/** What this machine is, and who could see what on it. */
export function machineReport(privilege: 'root' | 'user-namespace', kernelEvents: boolean): MachineReport {
  return {
    kernel: release(),
    arch: arch(),
    privilege,
    witnesses: ['socket-table', 'packets', ...(kernelEvents ? (['kernel-events'] as const) : [])],
  };
}
