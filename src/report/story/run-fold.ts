import type { RunStarted, ScenarioFailed } from '../../evidence/events.ts';
import { Timeline } from '../../evidence/timeline.ts';
import { failedResult, resultOf, type ScenarioResult } from './result.ts';
import { RUN_FORMAT, type RunReport } from './run-report.ts';
import { witnessesWith } from './run-started.ts';

/** A timeline, or why there is none. */
export type LabOutcome = Timeline | ScenarioFailed;

/** One lab of a run, folded. */
export interface LabReport {
  outcome: LabOutcome;
  result: ScenarioResult;
  /** Which of the labs of its scenario it is, from 1; null when there is only one. */
  number: number | null;
}

/** An output made while a run goes on: a table, a file. */
export interface RunOutput {
  /** Called for each lab, in the order of the run. */
  lab?(report: LabReport): void;
  /** Called when all are over. */
  end?(report: RunReport): void;
  /** Called instead of `end` when there will be no end. */
  fail?(why: string): void;
}

/** Passes the labs of a running or saved run to all outputs. */
export class RunFold {
  readonly #started: RunStarted;
  readonly #outputs: readonly RunOutput[];
  readonly #waiting = new Map<number, LabReport>();
  readonly #results: ScenarioResult[] = [];
  #traced = false;

  constructor(started: RunStarted, outputs: readonly RunOutput[]) {
    this.#started = started;
    this.#outputs = outputs;
  }

  /** Takes the lab with this place in the run. Those that are over before others wait for their turn. */
  lab(index: number, outcome: LabOutcome): ScenarioResult {
    const result =
      outcome instanceof Timeline
        ? resultOf(outcome)
        : failedResult(outcome.scenario, outcome.held, outcome.error);
    if (outcome instanceof Timeline && outcome.of('lab-opened')[0]?.noKernelEvents === null)
      this.#traced = true;
    const { repeat } = this.#started;
    const number = repeat > 1 ? (index % repeat) + 1 : null;
    this.#waiting.set(index, { outcome, result, number });
    for (let next = this.#next(); next; next = this.#next()) {
      this.#results.push(next.result);
      for (const output of this.#outputs) output.lab?.(next);
    }
    return result;
  }

  end(durationMs: number): RunReport {
    const { tool, machine, startedAt } = this.#started;
    const results = this.#results;
    const report: RunReport = {
      format: RUN_FORMAT,
      tool,
      machine: { ...machine, witnesses: witnessesWith(this.#traced) },
      startedAt,
      durationMs,
      results,
    };
    for (const output of this.#outputs) output.end?.(report);
    return report;
  }

  fail(why: string): void {
    for (const output of this.#outputs) output.fail?.(why);
  }

  #next(): LabReport | undefined {
    const index = this.#results.length;
    const next = this.#waiting.get(index);
    this.#waiting.delete(index);
    return next;
  }
}
