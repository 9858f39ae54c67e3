import type { ScenarioResult } from '../story/result.ts';
import type { RunReport } from '../story/run-report.ts';
import { witnessLines } from '../story/witness-lines.ts';
import { empty, escapeText, junitReport, open, seconds } from './xml.ts';

/**
 * The report as JUnit XML, one test case per lab. A disproven or unproven state is a failure; a lab that could not run is an
 * error.
 */
export function formatJunit(report: RunReport): string {
  const { machine, results } = report;
  const errors = results.filter(({ error }) => error !== null).length;
  const failures = results.filter(({ verdict }) => verdict !== 'proven').length - errors;
  return junitReport(
    report,
    {
      name: 'tcplab run',
      counts: { tests: results.length, failures, errors },
      skipped: 0,
      properties: { privilege: machine.privilege, witnesses: machine.witnesses.join(' ') },
    },
    numbered(results).flatMap(([name, result]) => testCase(name, result)),
  );
}

/** Numbers the labs of the same scenario. */
function numbered(results: readonly ScenarioResult[]): [name: string, result: ScenarioResult][] {
  const repeated = new Map<string, number>();
  for (const { scenario } of results) repeated.set(scenario, (repeated.get(scenario) ?? 0) + 1);
  const counts = new Map<string, number>();
  return results.map((result) => {
    const { scenario } = result;
    const number = (counts.get(scenario) ?? 0) + 1;
    counts.set(scenario, number);
    return [repeated.get(scenario) === 1 ? scenario : `${scenario}, run ${number}`, result];
  });
}

function testCase(name: string, result: ScenarioResult): string[] {
  const { state, verdict, because, error, notes, reachedMs, heldMs } = result;
  const time = seconds((reachedMs ?? 0) + (heldMs ?? 0));
  const head = { name, classname: `tcplab.${state}`, time };
  const children = [];
  if (verdict !== 'proven') {
    const kind = error === null ? 'failure' : 'error';
    const details = [describe(result), ...witnessLines(result)].join('\n');
    children.push(
      `${open(kind, { type: verdict, message: because ?? verdict })}${escapeText(details)}</${kind}>`,
    );
  }
  if (notes.length > 0) children.push(`<system-out>${escapeText(notes.join('\n'))}</system-out>`);
  return children.length === 0
    ? [empty('testcase', head)]
    : [open('testcase', head), ...children, '</testcase>'];
}

function describe({ host, state, peer }: ScenarioResult): string {
  const other = peer.state === null ? '' : `, ${peer.host} in ${peer.state}`;
  return `claimed: ${host} in ${state}${other}`;
}
