import { nameOfProbe } from '../../check/probe.ts';
import { failsBy, isKnown } from '../story/baseline.ts';
import type { CheckReport, ProbeReport } from '../terminal/check-report.ts';
import { empty, escapeText, junitReport, open, seconds } from './xml.ts';

/**
 * The report as JUnit's XML: a fault is a failure, as is a risk with --fail-on risk. Shown as skipped: other
 * risks, what the baseline has, and unknown results.
 */
export function formatCheckJunit(report: CheckReport): string {
  const { target, command, probes } = report;
  const failures = probes.filter((probe) => fails(probe, report)).length;
  const good = probes.filter(({ verdict }) => verdict === 'good').length;
  return junitReport(
    report,
    {
      name: `tcplab check ${target}`,
      counts: { tests: probes.length, failures, errors: 0 },
      skipped: probes.length - failures - good,
      properties: { command },
    },
    probes.flatMap((probe) => testCase(probe, report)),
  );
}

function fails(probe: ProbeReport, { options, baseline }: CheckReport): boolean {
  return failsBy(probe, options.failOn) && !isKnown(baseline, probe);
}

function testCase(probe: ProbeReport, report: CheckReport): string[] {
  const head = {
    name: nameOfProbe(probe),
    classname: `tcplab.check.${report.target}`,
    time: seconds(probe.durationMs),
  };
  return [open('testcase', head), contentOf(probe, report), '</testcase>'];
}

function contentOf(probe: ProbeReport, report: CheckReport): string {
  const { verdict, says, why, fix, evidence } = probe;
  if (verdict === 'good') return `<system-out>${escapeText(says)}</system-out>`;
  if (verdict === 'unknown') return empty('skipped', { message: says });
  const ladders = [evidence.ladder, ...(probe.backEvidence ? ['', probe.backEvidence.ladder] : [])];
  const details = escapeText([says, `Matters: ${why}`, `Fix: ${fix}`, '', ...ladders].join('\n'));
  if (fails(probe, report)) return `${open('failure', { type: verdict, message: says })}${details}</failure>`;
  // Readers show what was skipped, and hide what a passed test has printed.
  return `${empty('skipped', { message: `${verdict}: ${says}` })}<system-out>${details}</system-out>`;
}
