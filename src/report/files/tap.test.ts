import { describe, expect, it } from 'vitest';
import { failedResult, type ScenarioResult } from '../story/result.ts';
import { tapBailOut, tapPoint, tapStart } from './tap.ts';

const HELD = { host: 'client', state: 'FIN-WAIT-1' } as const;

function point(place: number, number: number | null, changes: Partial<ScenarioResult>): string {
  const result = { ...failedResult('fin-wait-1', HELD, 'could not be run'), ...changes };
  const { scenario, host, state } = result;
  const outcome = { type: 'scenario-failed', scenario, held: { host, state }, error: '' } as const;
  return tapPoint(place, { outcome, result, number });
}

describe('a report in the Test Anything Protocol', () => {
  it('begins with its version and its plan', () => {
    expect(tapStart(26)).toBe('TAP version 14\n1..26\n');
  });

  it('has a line for what is proven', () => {
    expect(point(3, null, { verdict: 'proven', because: null })).toBe(
      'ok 3 - fin-wait-1: client in FIN-WAIT-1\n',
    );
    expect(point(4, 2, { verdict: 'proven', because: null })).toBe(
      'ok 4 - fin-wait-1, run 2: client in FIN-WAIT-1\n',
    );
  });

  it('says in YAML why something is not, and what the witnesses saw', () => {
    const text = point(1, null, {
      verdict: 'disproven',
      because: 'packets of client: saw CLOSED',
      witnesses: { packets: { says: 'CLOSED', agrees: false, why: 'saw CLOSED' } },
      notes: ['a note'],
    });
    expect(text.split('\n')).toEqual([
      'not ok 1 - fin-wait-1: client in FIN-WAIT-1',
      '  ---',
      '  message: "packets of client: saw CLOSED"',
      '  severity: fail',
      '  verdict: disproven',
      '  witnesses:',
      '    - "client FIN-WAIT-1, packets: reports CLOSED: saw CLOSED"',
      '  notes:',
      '    - "a note"',
      '  ...',
      '',
    ]);
  });

  it('keeps to its lines, whatever a message holds', () => {
    const because = 'first\n...\nok 9 - "quoted" \\ \u001b[31m\u2028end';
    const lines = point(1, null, { verdict: 'unproven', because }).split('\n');
    expect(lines[2]).toBe('  message: "first ... ok 9 - \\"quoted\\" \\\\ \\\\x1b[31m\\\\u2028end"');
    expect(lines.filter((line) => line === '  ...')).toHaveLength(1);
    expect(tapBailOut('it is\nover')).toBe('Bail out! it is over\n');
  });
});
