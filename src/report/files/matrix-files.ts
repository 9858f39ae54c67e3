import type { Cell } from '../../scenario/matrix/cell.ts';
import { cameOf, fails, type MatrixReport, reasonsOf } from '../story/matrix.ts';
import { tapReason, tapStart } from './tap.ts';
import { empty, escapeText, junitReport, open } from './xml.ts';

/** The matrix as JUnit XML and as TAP: a cell that makes the run fail is a failure; a known difference is skipped. */

export function formatMatrixJunit(report: MatrixReport): string {
  const { cells, family } = report;
  const failures = cells.filter(fails).length;
  const suite = {
    name: 'tcplab matrix',
    counts: { tests: cells.length, failures, errors: 0 },
    skipped: cells.filter(isSkipped).length,
    properties: { family, privilege: report.machine.privilege },
  };
  return junitReport(report, suite, cells.flatMap(testCase));
}

function testCase(cell: Cell): string[] {
  const head = { name: `${cell.state} ${cell.event}`, classname: `tcplab.matrix.${cell.state}`, time: 0 };
  const message = [cameOf(cell), ...reasonsOf(cell)].join('; ');
  if (fails(cell))
    return [
      open('testcase', head),
      `${open('failure', { type: cell.verdict, message })}${escapeText(message)}</failure>`,
      '</testcase>',
    ];
  return isSkipped(cell)
    ? [open('testcase', head), empty('skipped', { message: `${cell.verdict}: ${message}` }), '</testcase>']
    : [empty('testcase', head)];
}

export function formatMatrixTap({ cells }: MatrixReport): string {
  const points = cells.map((cell, index) => {
    const skip = isSkipped(cell) ? ` # SKIP ${cell.verdict}` : '';
    const point = `${fails(cell) ? 'not ok' : 'ok'} ${index + 1} - ${cell.state} ${cell.event}${skip}\n`;
    const reasons = [cameOf(cell), ...reasonsOf(cell)].join('; ');
    return fails(cell) || skip ? point + tapReason(reasons) : point;
  });
  return tapStart(cells.length) + points.join('');
}

function isSkipped(cell: Cell): boolean {
  return !fails(cell) && (cell.verdict === 'differs' || cell.verdict === 'not seen');
}
