import { expect, it } from 'vitest';
import { failedResult } from '../story/result.ts';
import type { RunReport } from '../story/run-report.ts';
import { styleFor } from './style.ts';
import { formatTable } from './table.ts';

/** One scenario that could not be run, on a machine of root's or of a user's. */
function table(privilege: 'root' | 'user-namespace', columns = 80): string {
  const report: RunReport = {
    format: 'tcplab.run/1',
    tool: { name: 'tcplab', version: '0.0.0' },
    machine: { kernel: '6.18', arch: 'x64', privilege, witnesses: ['socket-table', 'packets'] },
    startedAt: '2026-11-29T00:00:00.000Z',
    durationMs: 1,
    results: [failedResult('fin-wait-1', { host: 'client', state: 'FIN-WAIT-1' }, 'no veth')],
  };
  return formatTable(report, () => undefined, styleFor(process.stdout), columns);
}

it.each([80, 60])('marks no state as held that was not reached, in %i columns', (columns) => {
  expect(table('root', columns).replace(/^\* held end.*/m, '')).not.toMatch(/FIN-WAIT-1|\*/);
});

it.each([80, 60])('ends no line with blanks, in %i columns', (columns) => {
  expect(table('root', columns)).not.toMatch(/[ ·]$/m);
});

it('tells an ordinary user that kernel events need root, and root does not hear it', () => {
  expect(table('user-namespace')).toContain('without kernel events: kernel events need root.');
  expect(table('root')).not.toContain('kernel events');
});
