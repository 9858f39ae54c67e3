import { arch, release } from 'node:os';
import { Command } from 'commander';
import { TcplabError } from '../error.ts';
import { formatMs } from '../report/layout.ts';
import { failedResult, resultOf, type ScenarioResult } from '../report/result.ts';
import { type MachineReport, RUN_FORMAT, type RunReport } from '../report/run-report.ts';
import { styleFor } from '../report/style.ts';
import { formatTable } from '../report/table.ts';
import { CATALOGUE } from '../scenario/catalogue.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { parseCount, parseDuration, scenariosNamed } from './arguments.ts';
import { EXIT } from './exit.ts';
import { ensurePrivilege } from './privileges.ts';
import { Progress } from './progress.ts';
import { VERSION } from './version.ts';

interface Options {
  json?: boolean;
  ipv6?: boolean;
  hold: number;
  jobs: number;
  repeat: number;
}

export function runCommand(): Command {
  return new Command('run')
    .summary('bring connections into states, hold them, prove them')
    .description(
      'Runs scenarios on the real kernel: brings a connection into each state, holds it\n' +
        'there, and prints what the witnesses say. All of them if none is named.',
    )
    .argument('[name...]', 'scenarios or states, in any spelling (see `tcplab list`)')
    .option('--json', 'print one JSON object (schema/run.schema.json)')
    .option('--ipv6', 'the two hosts speak IPv6')
    .option('--hold <duration>', 'how long each state is held', parseDuration, 100)
    .option('--jobs <n>', 'how many labs at a time', parseCount, 20)
    .option('--repeat <n>', 'run each so many times', parseCount, 1)
    .addHelpText(
      'after',
      `
Examples:
  tcplab run
  tcplab run close-wait TIME_WAIT --hold 2s
  tcplab run --json | jq '.results[] | {scenario, verdict}'
  tcplab run fin-wait-1 --repeat 100

Exit status: 0 all proven, 1 something not proven, 2 wrong use, 3 this machine can't.`,
    )
    .action(run);
}

async function run(names: string[], options: Options): Promise<void> {
  const scenarios = scenariosNamed(names);
  const privilege = ensurePrivilege();
  const startedAt = new Date();
  const results = await runAll(scenarios, options);
  const report: RunReport = {
    format: RUN_FORMAT,
    tool: { name: 'tcplab', version: VERSION },
    machine: machineReport(privilege, results),
    startedAt: startedAt.toISOString(),
    durationMs: Date.now() - startedAt.getTime(),
    results,
  };
  const heldBy = (id: string) => CATALOGUE.find((scenario) => scenario.id === id)?.heldBy;
  process.stdout.write(
    options.json ? `${JSON.stringify(report)}\n` : formatTable(report, heldBy, styleFor(process.stdout)),
  );
  process.exitCode = results.every(({ verdict }) => verdict === 'proven') ? EXIT.proven : EXIT.notProven;
}

/** Some at a time; the results are in the order in which they were asked for. */
async function runAll(scenarios: Scenario[], options: Options): Promise<ScenarioResult[]> {
  const [{ runScenario }, { Turn }] = await Promise.all([
    import('../scenario/run.ts'),
    import('../scenario/turn.ts'),
  ]);
  const turn = new Turn();
  const queue = scenarios.flatMap((scenario) => Array.from({ length: options.repeat }, () => scenario));
  const results: ScenarioResult[] = [];
  const progress = new Progress(process.stderr);
  let [next, done, failed] = [0, 0, 0];
  const startMs = performance.now();
  const worker = async () => {
    while (next < queue.length) {
      const index = next++;
      const scenario = queue[index] as Scenario;
      const result = await runScenario(scenario, {
        turn,
        holdMs: options.hold,
        family: options.ipv6 ? 'ipv6' : 'ipv4',
      }).then(resultOf, (error: unknown) => failure(scenario, error));
      results[index] = result;
      if (result.verdict !== 'proven') failed++;
      const not = failed ? `, ${failed} not proven` : '';
      progress.show(`${++done} of ${queue.length} done${not}, ${formatMs(performance.now() - startMs)}`);
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(options.jobs, queue.length) }, worker));
  } finally {
    progress.clear();
  }
  return results;
}

/** What the machine can't do at all ends the run; what went wrong in one scenario is that one's result. */
function failure(scenario: Scenario, error: unknown): ScenarioResult {
  if (!(error instanceof TcplabError) || error.code === 'MACHINE') throw error;
  return failedResult(scenario.id, scenario.held, error.message);
}

function machineReport(privilege: 'root' | 'user-namespace', results: ScenarioResult[]): MachineReport {
  const traced = results.some(({ witnesses }) => witnesses.kernelEvents?.agrees === true);
  return {
    kernel: release(),
    arch: arch(),
    privilege,
    witnesses: ['socket-table', 'packets', ...(traced ? (['kernel-events'] as const) : [])],
  };
}
