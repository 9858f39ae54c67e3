import { existsSync, readFileSync } from 'node:fs';
import { expect, inject, it } from 'vitest';
import type { ArcsReport } from '../src/report/terminal/arcs-report.ts';
import { errorsOf, NUMBERS, parse } from './arcs-schema.ts';
import { eventually, type Outcome } from './cli.ts';

const PATIENCE_MS = 180_000;

it('tcplab arcs --slow proves all of them', { timeout: PATIENCE_MS }, async (context) => {
  const file = inject('slowArcs');
  if (file === null) {
    context.skip('takes more than a minute, for TIME-WAIT is waited out: TCPLAB_SLOW=1 runs it');
    return;
  }
  await eventually('its end', () => existsSync(file), PATIENCE_MS);
  const { outcome, report } = parse(JSON.parse(readFileSync(file, 'utf8')) as Outcome);
  expect({ ...outcome, stdout: '' }).toEqual({ status: 0, stdout: '', stderr: '' });
  expect(errorsOf(report)).toEqual([]);
  const { arcs, unexplained, durationMs } = report as ArcsReport;
  expect(arcs.map(({ number, verdict }) => [number, verdict])).toEqual(
    NUMBERS.map((number) => [number, 'proven']),
  );
  expect(unexplained).toEqual([]);
  expect(durationMs).toBeGreaterThan(60_000);
});
