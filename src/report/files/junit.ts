import type { ScenarioResult } from '../story/result.ts';
import type { RunReport } from '../story/run-report.ts';
import { witnessLines } from '../story/witness-lines.ts';
import { empty, escapeText, open, seconds } from './xml.ts';

/**
 * The report as JUnit's XML, in the form that Jenkins publishes (junit-10.xsd): a test case for each lab. What is
 * disproven or unproven is a failure, what could not be run an error.
 */
export function formatJunit({ tool, machine, startedAt, durationMs, results }: RunReport): string {
  const errors = results.filter(({ error }) => error !== null).length;
  const failures = results.filter(({ verdict }) => verdict !== 'proven').length - errors;
  const totals = { tests: results.length, failures, errors, time: seconds(durationMs) };
  const properties = {
    tool: `${tool.name} ${tool.version}`,
    kernel: machine.kernel,
    arch: machine.arch,
    privilege: machine.privilege,
    witnesses: machine.witnesses.join(' '),
  };
  // The form has no time zone: the time is UTC.
  const timestamp = startedAt.replace(/\.\d+Z$/, '');
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    open('testsuites', { name: 'tcplab', ...totals }),
    open('testsuite', { name: 'tcplab run', ...totals, skipped: 0, timestamp }),
    '<properties>',
    ...Object.entries(properties).map(([name, value]) => empty('property', { name, value })),
    '</properties>',
    ...numbered(results).flatMap(([name, result]) => testCase(name, result)),
    '</testsuite>',
    '</testsuites>',
  ];
  return `${lines.join('\n')}\n`;
}

/** Labs of the same scenario are told apart by their number. */
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
