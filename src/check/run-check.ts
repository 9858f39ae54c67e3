import { SettingError, TcplabError } from '../error.ts';
import type { Bench, CheckOptions } from './bench.ts';
import { CLIENT_PROBES, SERVER_PROBES } from './catalogue.ts';
import { ClientBench } from './client-bench.ts';
import { type Finding, fault, type Probe, type ProbeResult, unknown } from './probe.ts';
import { ServerBench } from './server-bench.ts';

/** Which kind of program is tested. */
export type Target = 'server' | 'client';

/** The tests of a target, without the code. */
export function probesOf(target: Target): readonly About[] {
  return target === 'server' ? SERVER_PROBES : CLIENT_PROBES;
}

export interface RunCheckOptions extends CheckOptions {
  target: Target;
  /** Ids; undefined for all. */
  only?: readonly string[] | undefined;
  onBegin?: (probe: { id: string; title: string }, index: number, count: number) => void;
  onDone?: (result: ProbeResult) => void;
  /** Is called with the tests that are not run, because the program never listened or connected. */
  onSkip?: (results: readonly ProbeResult[]) => void;
}

/**
 * Runs one test after the other, each with a new start of the program, in a lab of its own. If the program never listens or
 * connects, the first test reports that, and the others are not run.
 */
export async function runCheck({
  target,
  only,
  onBegin,
  onDone,
  onSkip,
  ...options
}: RunCheckOptions): Promise<ProbeResult[]> {
  const wanted = <B>(probes: readonly Probe<B>[]) => probes.filter(({ id }) => !only || only.includes(id));
  const probes: readonly Task[] =
    target === 'server'
      ? wanted(SERVER_PROBES).map((probe) => task(probe, () => ServerBench.open(options), startServer))
      : wanted(CLIENT_PROBES).map((probe) =>
          task(
            probe,
            () => ClientBench.open(options),
            async () => {},
          ),
        );
  const results: ProbeResult[] = [];
  for (const [index, { probe, run }] of probes.entries()) {
    onBegin?.(probe, index, probes.length);
    const { result, wasThere } = await run();
    results.push(result);
    onDone?.(result);
    if (index > 0 || wasThere) continue;
    const skipped = probes.slice(1).map((task) => notRun(task.probe, NEVER_THERE[target]));
    if (skipped.length > 0) onSkip?.(skipped);
    return [...results, ...skipped];
  }
  return results;
}

/** A test without its code. */
type About = Omit<Probe<never>, 'run'>;

interface Task {
  probe: About;
  /** `wasThere`: whether the program listened, or tried to connect. */
  run: () => Promise<{ result: ProbeResult; wasThere: boolean }>;
}

const NEVER_THERE: Record<Target, string> = {
  server: "not run, because the program did not listen on the server's port",
  client: 'not run, because the program did not try to connect to the server',
};

function notRun({ id, title, why, mend }: About, because: string): ProbeResult {
  return { id, title, ...unknown(because), why, mend, durationMs: 0, timeline: null };
}

function task<B extends Bench>(
  probe: Probe<B>,
  open: () => Promise<B>,
  start: (bench: B) => Promise<void>,
): Task {
  const { id, title, why, mend } = probe;
  const run: Task['run'] = async () => {
    const startMs = performance.now();
    await using bench = await open();
    const finding = await find(probe, bench, start);
    await bench.lab.count();
    const durationMs = performance.now() - startMs;
    const result = { id, title, ...finding, why, mend, durationMs, timeline: bench.lab.timeline };
    return { result, wasThere: bench.wasThere };
  };
  return { probe: { id, title, why, mend }, run };
}

/** A server that does not start has a fault, and the test can find out nothing else. */
async function find<B extends Bench>(
  probe: Probe<B>,
  bench: B,
  start: (bench: B) => Promise<void>,
): Promise<Finding> {
  try {
    await start(bench);
  } catch (error) {
    if (!(error instanceof TcplabError) || error.code !== 'TIMEOUT') throw error;
    return probe.id === 'serves' ? fault(error.message) : unknown(error.message);
  }
  try {
    return await probe.run(bench);
  } catch (error) {
    // Errors of a socket (EPIPE, ECONNRESET) come from what the program did.
    if (!(error instanceof TcplabError) || error instanceof SettingError || error.code === 'MACHINE')
      throw error;
    return unknown(error.message);
  }
}

function startServer(bench: ServerBench): Promise<void> {
  return bench.start();
}
