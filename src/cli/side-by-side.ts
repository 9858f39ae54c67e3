import type { Timeline } from '../evidence/timeline.ts';
import { formatMs } from '../report/words/time.ts';
import { type RunOptions, runScenario } from '../scenario/run.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { Turn } from '../scenario/turn.ts';
import { Progress } from './progress.ts';

interface SideBySide {
  /** How many labs there are at a time. */
  jobs: number;
  runOptions: Omit<RunOptions, 'turn'>;
  /** Shows progress on a terminal (default: true). */
  showProgress?: boolean;
  /** Takes what a scenario could not be run for; throws what ends them all. */
  onError?: (scenario: Scenario, error: unknown, index: number) => void;
}

/** Scenarios that wait start first, so that the others run during their wait; those that keep their turn start last. */
function rank({ waits = false, brief = false }: Scenario): number {
  return Number(brief) - Number(waits);
}

/**
 * Runs scenarios, some at a time, and gives each timeline away as soon as it is there. `onDone` says whether all is well
 * with it, for the progress that is shown on a terminal.
 */
export async function runSideBySide(
  scenarios: readonly Scenario[],
  { jobs, runOptions, showProgress = true, onError }: SideBySide,
  onDone: (scenario: Scenario, timeline: Timeline, index: number) => boolean,
): Promise<void> {
  const turn = new Turn();
  const progress = new Progress(process.stderr);
  const startMs = performance.now();
  let [next, done, failed] = [0, 0, 0];
  const order = [...scenarios.entries()].sort(([, a], [, b]) => rank(a) - rank(b));
  const work = async () => {
    while (next < order.length) {
      const [index, scenario] = order[next++] as [number, Scenario];
      let timeline: Timeline | undefined;
      try {
        timeline = await runScenario(scenario, { ...runOptions, turn });
        // What is printed of it, such as a ladder, begins a line of its own.
        progress.clear();
      } catch (error) {
        if (!onError) throw error;
        progress.clear();
        onError(scenario, error, index);
      }
      if (!timeline || !onDone(scenario, timeline, index)) failed++;
      const not = failed ? `, ${failed} not proven` : '';
      done++;
      if (!showProgress) continue;
      progress.show(`${done} of ${scenarios.length} done${not}, ${formatMs(performance.now() - startMs)}`);
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(jobs, scenarios.length) }, work));
  } finally {
    // When one has thrown, those at work end theirs and begin no other.
    next = order.length;
    progress.clear();
  }
}
