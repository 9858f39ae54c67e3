import type { CheckReport, ProbeReport } from '../terminal/check-report.ts';
import { empty, escapeText, open, seconds } from './xml.ts';

/** The report as JUnit's XML: a fault is a failure, an unknown result is skipped, and a risk passes with its text. */
export function formatCheckJunit({
  tool,
  machine,
  startedAt,
  durationMs,
  target,
  command,
  probes,
}: CheckReport): string {
  const count = (verdict: string) => probes.filter((probe) => probe.verdict === verdict).length;
  const totals = { tests: probes.length, failures: count('fault'), errors: 0, time: seconds(durationMs) };
  const properties = {
    tool: `${tool.name} ${tool.version}`,
    kernel: machine.kernel,
    arch: machine.arch,
    command,
  };
  const timestamp = startedAt.replace(/\.\d+Z$/, '');
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    open('testsuites', { name: 'tcplab', ...totals }),
    open('testsuite', { name: `tcplab check ${target}`, ...totals, skipped: count('unknown'), timestamp }),
    '<properties>',
    ...Object.entries(properties).map(([name, value]) => empty('property', { name, value })),
    '</properties>',
    ...probes.flatMap((probe) => testCase(probe, target)),
    '</testsuite>',
    '</testsuites>',
  ];
  return `${lines.join('\n')}\n`;
}

function testCase(probe: ProbeReport, target: string): string[] {
  const { id, verdict, says, why, mend, durationMs, evidence } = probe;
  const details = escapeText([says, `Matters: ${why}`, `Fix: ${mend}`, '', evidence.ladder].join('\n'));
  const inside = {
    good: `<system-out>${escapeText(says)}</system-out>`,
    risk: `<system-out>risk: ${details}</system-out>`,
    fault: `${open('failure', { type: 'fault', message: says })}${details}</failure>`,
    unknown: empty('skipped', { message: says }),
  }[verdict];
  const head = { name: id, classname: `tcplab.check.${target}`, time: seconds(durationMs) };
  return [open('testcase', head), inside, '</testcase>'];
}
