import { nameOfProbe } from '../../check/probe.ts';
import { printable } from '../../printable.ts';
import { isKnown } from '../story/baseline.ts';
import type { CheckReport } from '../terminal/check-report.ts';

/**
 * Faults and risks, as commands that GitHub Actions shows as annotations
 * (docs.github.com: Workflow commands). A finding of the baseline is a notice.
 */
export function formatGithub({ target, probes, baseline }: CheckReport): string {
  return probes
    .filter(({ verdict }) => verdict === 'fault' || verdict === 'risk')
    .map((probe) => {
      const { title, verdict, says, why, fix } = probe;
      const level = isKnown(baseline, probe) ? 'notice' : verdict === 'fault' ? 'error' : 'warning';
      const text = [`${title}: ${says}`, why, fix].filter(Boolean).join('\n');
      return `::${level} title=${property(`tcplab check ${target}: ${nameOfProbe(probe)}`)}::${escaped(text)}\n`;
    })
    .join('');
}

function escaped(text: string): string {
  return printable(text).replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function property(text: string): string {
  return escaped(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
