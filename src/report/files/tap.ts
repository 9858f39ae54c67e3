import { printable } from '../../printable.ts';
import type { LabReport } from '../story/run-fold.ts';
import { witnessLines } from '../story/witness-lines.ts';

/** The report in the Test Anything Protocol (https://testanything.org/tap-version-14-specification.html). */

export function tapStart(labs: number): string {
  return `TAP version 14\n1..${labs}\n`;
}

/** The test point of one lab; `place` is its place in the run, from 1. */
export function tapPoint(place: number, { result, number }: LabReport): string {
  const { scenario, verdict, because, host, state, notes } = result;
  const ok = verdict === 'proven' ? 'ok' : 'not ok';
  const run = number === null ? '' : `, run ${number}`;
  const point = `${ok} ${place} - ${scenario}${run}: ${host} in ${state}\n`;
  if (verdict === 'proven') return point;
  const lines = [
    '---',
    `message: ${quote(because ?? verdict)}`,
    'severity: fail',
    `verdict: ${verdict}`,
    ...list('witnesses', witnessLines(result)),
    ...list('notes', notes),
    '...',
  ];
  return point + lines.map((line) => `  ${line}\n`).join('');
}

/** A test point that did not pass, or is skipped, with why. */
export function tapReason(message: string): string {
  return `  ---\n  message: ${quote(message)}\n  ...\n`;
}

export function tapBailOut(why: string): string {
  return `Bail out! ${plain(why)}\n`;
}

function list(key: string, items: readonly string[]): string[] {
  return items.length === 0 ? [] : [`${key}:`, ...items.map((item) => `  - ${quote(item)}`)];
}

/** A JSON string is a YAML string too. */
function quote(text: string): string {
  return JSON.stringify(plain(text));
}

/** On one line, and with control characters escaped, which YAML does not take. */
function plain(text: string): string {
  return printable(text).replace(/[\t\n\p{Cs}]+/gu, ' ');
}
