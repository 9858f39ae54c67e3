import type { ProbeResult } from '../../check/probe.ts';
import { counted } from '../../evidence/counted.ts';
import { type CheckReport, PROBE_TONES } from '../terminal/check-report.ts';
import { reportLab } from './lab.ts';
import type { OverviewRow, ReportLab, ReportPage } from './report-model.ts';
import { factsOf } from './run.ts';

/** A check's findings, and the lab of each that had one. */
export function checkPage(report: CheckReport, results: readonly ProbeResult[]): ReportPage {
  const labs: ReportLab[] = [];
  const rows = results.map(({ id, title, verdict, says, advice, said, timeline }): OverviewRow => {
    if (timeline) {
      const lab = reportLab(timeline, { name: id, title }, null, report);
      const texts = [
        { title: `Found: ${verdict}`, text: says },
        { title: 'The program said', text: said },
        { title: 'Matters', text: advice?.why },
        { title: 'Fix', text: advice?.fix },
      ];
      const sections = texts.flatMap(({ title, text }) => (text ? [{ title, text }] : []));
      labs.push({ ...lab, sections });
    }
    const lab = timeline ? labs.length - 1 : null;
    return { word: verdict, tone: PROBE_TONES[verdict], cells: [id, title, says], lab };
  });
  const faults = results.filter(({ verdict }) => verdict === 'fault').length;
  return {
    title: `tcplab: check of a ${report.target}, ${counted(faults, 'fault')}`,
    facts: [{ name: 'Program', value: report.command }, ...factsOf(report)],
    overview: { heads: ['Verdict', 'Test', 'What happens', 'Found'], rows },
    labs,
  };
}
