import type { Timeline } from '../../evidence/timeline.ts';
import type { ArcsReport } from '../terminal/arcs-report.ts';
import { TONES } from '../words/tones.ts';
import { aboutScenario, type Origin, reportLab } from './lab.ts';
import type { OverviewRow, ReportLab, ReportPage } from './report-model.ts';
import { factsOf } from './run.ts';

/** Gathers the labs that drive the arcs, as they end, into a report of every arc. */
export class ArcsPage {
  readonly #origin: Origin;
  readonly #labs: ReportLab[] = [];

  constructor(origin: Origin) {
    this.#origin = origin;
  }

  add(scenario: string, timeline: Timeline): void {
    this.#labs.push(reportLab(timeline, aboutScenario(scenario), null, this.#origin));
  }

  end(report: ArcsReport): ReportPage {
    return arcsPage(report, this.#labs);
  }
}

function arcsPage(report: ArcsReport, labs: ReportLab[]): ReportPage {
  const places = new Map(labs.map(({ view }, place) => [view.name, place]));
  const rows = report.arcs.map(
    ({ number, from, to, trigger, clause, scenario, host, verdict, because }): OverviewRow => ({
      ...{ word: verdict, tone: verdict === 'skipped' ? 'none' : TONES[verdict] },
      cells: [
        `${number}: ${from} → ${to}`,
        ...[trigger, clause.replace('RFC 9293, ', ''), host, scenario, because ?? ''],
      ],
      lab: places.get(scenario) ?? null,
    }),
  );
  const driven = report.arcs.filter(({ verdict }) => verdict !== 'skipped');
  const proven = driven.filter(({ verdict }) => verdict === 'proven').length;
  return {
    title: `tcplab: the transitions of RFC 9293, ${proven} of ${driven.length} proven`,
    facts: factsOf(report),
    overview: { heads: ['Verdict', 'Transition', 'Trigger', 'Clause', 'Host', 'Scenario', 'Why'], rows },
    labs,
  };
}
