import type { RunStarted } from '../../evidence/events.ts';
import { Timeline } from '../../evidence/timeline.ts';
import type { LabReport } from '../story/run-fold.ts';
import type { MachineReport, Report, RunReport } from '../story/run-report.ts';
import { formatMs } from '../words/time.ts';
import { TONES } from '../words/tones.ts';
import { aboutScenario, reportLab } from './lab.ts';
import type { OverviewRow, ReportLab, ReportPage } from './report-model.ts';

/** Gathers the labs of a run, as they end, into a report. */
export class RunPage {
  readonly #started: RunStarted;
  readonly #labs: ReportLab[] = [];
  readonly #rows: OverviewRow[] = [];

  constructor(started: RunStarted) {
    this.#started = started;
  }

  add({ outcome, result, number }: LabReport): void {
    const about = aboutScenario(result.scenario);
    const hasLab = outcome instanceof Timeline;
    if (hasLab) this.#labs.push(reportLab(outcome, about, number, this.#started));
    const { verdict, state, host, because, reachedMs, heldMs } = result;
    const name = number === null ? result.scenario : `${result.scenario}.${number}`;
    const ms = (value: number | null) => (value === null ? '' : formatMs(value));
    this.#rows.push({
      ...{ word: verdict, tone: TONES[verdict] },
      cells: [name, state, host, ms(reachedMs), ms(heldMs), because ?? about.title],
      lab: hasLab ? this.#labs.length - 1 : null,
    });
  }

  end({ results, ...run }: RunReport): ReportPage {
    const proven = results.filter(({ verdict }) => verdict === 'proven').length;
    const [only] = results;
    const what = results.length === 1 && only ? only.scenario : `${results.length} scenarios`;
    return {
      title: `tcplab: ${what}, ${proven} of ${results.length} proven`,
      facts: factsOf(run),
      overview: {
        heads: ['Verdict', 'Scenario', 'State', 'Host', 'Reached in', 'Held for', 'About'],
        rows: this.#rows,
      },
      labs: this.#labs,
    };
  }
}

type Origin = Report & { machine: Omit<MachineReport, 'witnesses'> & Partial<MachineReport> };

/** When, where and with what. */
export function factsOf({ tool, machine, startedAt, durationMs }: Origin): ReportPage['facts'] {
  const rights = machine.privilege === 'root' ? 'root' : 'an ordinary user';
  const facts = [
    { name: 'Made by', value: `${tool.name} ${tool.version}` },
    { name: 'Started', value: startedAt.replace('T', ' ').replace(/\.\d+Z$/, ' UTC') },
    { name: 'Duration', value: formatMs(durationMs) },
    { name: 'Kernel', value: `Linux ${machine.kernel}, ${machine.arch}, as ${rights}` },
  ];
  if (machine.witnesses) facts.push({ name: 'Witnesses', value: machine.witnesses.join(', ') });
  return facts;
}
