import { TcplabError } from '../error.ts';
import { printable } from '../printable.ts';
import type { NamedPair } from '../remote/pairs-file.ts';
import { failedResult, resultOf, type ScenarioResult } from '../report/story/result.ts';
import { TOOL } from '../report/story/run-started.ts';
import {
  differencesOf,
  formatPairs,
  isProven,
  PAIRS_FORMAT,
  type PairReport,
  type PairsReport,
} from '../report/terminal/pairs-report.ts';
import { styleFor } from '../report/terminal/style.ts';
import type { RunOptions } from '../scenario/run.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { EXIT } from './exit.ts';
import { ELSEWHERE_WITHIN_MS, isOwnFailure } from './host-options.ts';
import { readText } from './input-file.ts';
import { Progress } from './progress.ts';
import { runSideBySide } from './side-by-side.ts';

interface RunPairsOptions {
  /** How many labs there are at a time between two hosts. */
  jobs: number;
  json: boolean;
  allowSysctl: boolean;
  runOptions: Omit<RunOptions, 'turn' | 'hosts'>;
}

/** In bytes: thousands of pairs. */
const LARGEST = 1024 * 1024;

/** A machine's sshd turns some away at random when many come at a time (sshd_config(5), MaxStartups). */
const OPENING_AT_A_TIME = 4;

/** Runs the same scenarios between many pairs of hosts, all at once, and prints one report of all. */
export async function runPairs(
  path: string,
  scenarios: readonly Scenario[],
  options: RunPairsOptions,
): Promise<void> {
  const { parsePairs } = await import('../remote/pairs-file.ts');
  const pairs = parsePairs(await readText(path, LARGEST), path);
  const startedAt = new Date();
  const progress = new Progress(process.stderr);
  let done = 0;
  const onDone = () => progress.show(`${++done} of ${pairs.length * scenarios.length} done`);
  const openings = Array.from({ length: OPENING_AT_A_TIME }, () => Promise.resolve());
  const run = (pair: NamedPair, index: number) => {
    const place = index % OPENING_AT_A_TIME;
    const opened = (openings[place] as Promise<void>).then(() => open(pair, options));
    openings[place] = opened.then(
      () => {},
      () => {},
    );
    return runPair(pair, opened, scenarios, options, onDone);
  };
  const reports: PairReport[] = [];
  if (isOneByOne(options)) for (const [index, pair] of pairs.entries()) reports.push(await run(pair, index));
  else reports.push(...(await Promise.all(pairs.map(run))));
  progress.clear();
  const report: PairsReport = {
    format: PAIRS_FORMAT,
    tool: TOOL,
    startedAt: startedAt.toISOString(),
    durationMs: Date.now() - startedAt.getTime(),
    pairs: reports,
    differences: differencesOf(reports),
  };
  process.stdout.write(
    options.json ? `${JSON.stringify(report)}\n` : formatPairs(report, styleFor(process.stdout)),
  );
  process.exitCode = reports.every(isProven) ? EXIT.proven : EXIT.notProven;
}

/** Pairs may share a machine: its sysctls, or a port that all need. */
function isOneByOne({ allowSysctl, runOptions }: RunPairsOptions): boolean {
  return allowSysctl || runOptions.serverPort !== undefined || runOptions.clientPort !== undefined;
}

async function open({ client, server }: NamedPair, { allowSysctl, runOptions: { family } }: RunPairsOptions) {
  const { RemotePair } = await import('../remote/remote-pair.ts');
  return RemotePair.open({ client, server }, { allowSysctl, ...(family ? { family } : {}) });
}

/** What keeps one pair from its work is that pair's result. */
async function runPair(
  { name, client, server }: NamedPair,
  opening: ReturnType<typeof open>,
  scenarios: readonly Scenario[],
  options: RunPairsOptions,
  onDone: () => void,
): Promise<PairReport> {
  const { jobs, runOptions } = options;
  const results = new Map<number, ScenarioResult>();
  const printed = { name: printable(name), client: printable(client), server: printable(server) };
  const report = (error: string | null): PairReport => {
    const inOrder = scenarios.flatMap((_, index) => results.get(index) ?? []);
    const hosts = inOrder.find((result) => result.hosts)?.hosts ?? null;
    return { ...printed, hosts, error, results: inOrder };
  };
  try {
    await using pair = await opening;
    await runSideBySide(
      scenarios,
      {
        jobs: isOneByOne(options) ? 1 : jobs,
        runOptions: { withinMs: ELSEWHERE_WITHIN_MS, ...runOptions, hosts: pair.openPair },
        showProgress: false,
        onError: ({ id, held }, error, index) => {
          if (!isOwnFailure(error, { areElsewhere: true })) throw error;
          results.set(index, failedResult(id, held, error.message));
          onDone();
        },
      },
      (_, timeline, index) => {
        const result = resultOf(timeline);
        results.set(index, result);
        onDone();
        return result.verdict === 'proven';
      },
    );
    return report(null);
  } catch (error) {
    if (!(error instanceof TcplabError)) throw error;
    return report(error.message);
  }
}
