import { failsBy } from '../story/baseline.ts';
import type { CheckReport, ProbeReport } from '../terminal/check-report.ts';
import { empty, escapeText, junitReport, open, seconds } from './xml.ts';

/** The report as JUnit's XML: a fault is a failure, as is a risk with --fail-on risk; otherwise a risk is shown as skipped, like an unknown result. */
export function formatCheckJunit(report: CheckReport): string {
  const { target, command, probes, options } = report;
  const count = (verdict: string) => probes.filter((probe) => probe.verdict === verdict).length;
  return junitReport(
    report,
    {
      name: `tcplab check ${target}`,
      counts: {
        tests: probes.length,
        failures: probes.filter((probe) => failsBy(probe, options.failOn)).length,
        errors: 0,
      },
      skipped: count('unknown') + (options.failOn === 'risk' ? 0 : count('risk')),
      properties: { command },
    },
    probes.flatMap((probe) => testCase(probe, report)),
  );
}

function testCase(probe: ProbeReport, { target, options }: CheckReport): string[] {
  const { id, verdict, says, why, fix, durationMs, evidence } = probe;
  const details = escapeText([says, `Matters: ${why}`, `Fix: ${fix}`, '', evidence.ladder].join('\n'));
  const inside = {
    good: `<system-out>${escapeText(says)}</system-out>`,
    // Readers show what was skipped, and hide what a passed test has printed.
    risk: failsBy(probe, options.failOn)
      ? `${open('failure', { type: 'risk', message: says })}${details}</failure>`
      : `${empty('skipped', { message: `risk: ${says}` })}<system-out>${details}</system-out>`,
    fault: `${open('failure', { type: 'fault', message: says })}${details}</failure>`,
    unknown: empty('skipped', { message: says }),
  }[verdict];
  const head = { name: id, classname: `tcplab.check.${target}`, time: seconds(durationMs) };
  return [open('testcase', head), inside, '</testcase>'];
}
