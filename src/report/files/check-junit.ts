import type { CheckReport, ProbeReport } from '../terminal/check-report.ts';
import { empty, escapeText, junitReport, open, seconds } from './xml.ts';

/** The report as JUnit's XML: a fault is a failure, an unknown result is skipped, and a risk passes with its text. */
export function formatCheckJunit(report: CheckReport): string {
  const { target, command, probes } = report;
  const count = (verdict: string) => probes.filter((probe) => probe.verdict === verdict).length;
  return junitReport(
    report,
    {
      name: `tcplab check ${target}`,
      counts: { tests: probes.length, failures: count('fault'), errors: 0 },
      skipped: count('unknown'),
      properties: { command },
    },
    probes.flatMap((probe) => testCase(probe, target)),
  );
}

function testCase(probe: ProbeReport, target: string): string[] {
  const { id, verdict, says, why, fix, durationMs, evidence } = probe;
  const details = escapeText([says, `Matters: ${why}`, `Fix: ${fix}`, '', evidence.ladder].join('\n'));
  const inside = {
    good: `<system-out>${escapeText(says)}</system-out>`,
    risk: `<system-out>risk: ${details}</system-out>`,
    fault: `${open('failure', { type: 'fault', message: says })}${details}</failure>`,
    unknown: empty('skipped', { message: says }),
  }[verdict];
  const head = { name: id, classname: `tcplab.check.${target}`, time: seconds(durationMs) };
  return [open('testcase', head), inside, '</testcase>'];
}
