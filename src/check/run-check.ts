import { SettingError, TcplabError } from '../error.ts';
import { adoptOrphans } from '../kernel/process.ts';
import { SERVER_PORT } from '../lab/addresses.ts';
import { EndedEarly, ListensElsewhere, WentToBackground } from '../scenario/started-program.ts';
import { Turn } from '../scenario/turn.ts';
import type { Bench, CheckOptions } from './bench.ts';
import { CLIENT_PROBES, SERVER_PROBES } from './catalogue.ts';
import { ClientBench, NeverConnected } from './client-bench.ts';
import { type Finding, unknown } from './finding.ts';
import type { AboutProbe, Probe, ProbeResult } from './probe.ts';
import { PROXY_PROBES } from './proxy/catalogue.ts';
import type { WayName } from './proxy/way.ts';
import { NotRelayed, ProxyBench } from './proxy-bench.ts';
import { ServerBench } from './server-bench.ts';

/** Which kind of program is tested. */
export type Target = 'server' | 'client' | 'proxy';

/** The tests of a target, without the code. */
export function probesOf(target: Target): readonly (AboutProbe & Pick<Probe<never>, 'needsTls'>)[] {
  return { server: SERVER_PROBES, client: CLIENT_PROBES, proxy: PROXY_PROBES }[target];
}

export interface RunCheckOptions extends CheckOptions {
  target: Target;
  /** Of a relay. */
  proxy?: { way: WayName; serverPort: number };
  /** Ids; undefined for all. */
  only?: readonly string[] | undefined;
  /** How many tests run side by side, each in its own lab. */
  jobs?: number;
  onBegin?: (probe: AboutProbe) => void;
  onEnd?: (probe: AboutProbe) => void;
  /** Is called with each result, in the order of the catalogue. */
  onDone?: (result: ProbeResult) => void;
}

const JOBS = 8;

/**
 * Runs the tests, each with a new start of the program in a lab of its own. The first test, a healthy exchange, runs first and
 * alone; if it fails, the tests that rest on it are not run. The others run side by side, unless a second copy of the program can't start
 * while another one runs: then one after the other.
 */
export async function runCheck({
  target,
  proxy = { way: 'relay', serverPort: SERVER_PORT },
  only,
  jobs = JOBS,
  onBegin,
  onEnd,
  onDone,
  ...options
}: RunCheckOptions): Promise<ProbeResult[]> {
  // A program's processes outlive their parents, and have to be found, ended and reaped.
  adoptOrphans();
  const turn = new Turn();
  const tasks: readonly Task[] =
    target === 'proxy'
      ? PROXY_PROBES.map((probe) =>
          task(
            probe,
            () => ProxyBench.open({ ...options, ...proxy }, probe, turn),
            (bench) => bench.start(probe),
          ),
        )
      : target === 'server'
        ? SERVER_PROBES.map((probe) =>
            task(
              probe,
              () => ServerBench.open(options, turn),
              (bench) => bench.start(),
            ),
          )
        : CLIENT_PROBES.map((probe) => task(probe, () => ClientBench.open(options, turn)));
  const isWanted = ({ probe, needsTls }: Task) =>
    (!only || only.includes(probe.id)) && (!needsTls || options.tls !== undefined);
  const wanted = tasks.filter(isWanted);
  const inOrder = new InOrder(wanted, onDone);
  const runOne = async ({ probe, run }: Task): Promise<Outcome> => {
    onBegin?.(probe);
    try {
      return await run();
    } finally {
      onEnd?.(probe);
    }
  };

  const [service, ...others] = tasks as [Task, ...Task[]];
  const first = await runOne(service);
  if (isWanted(service)) inOrder.add(first.result);
  const failed = first.result.verdict === 'fault' || first.result.verdict === 'unknown';
  const waiting: Task[] = [];
  for (const task of others.filter(isWanted)) {
    if (failed && (task.restsOnService || !first.isStarted))
      inOrder.add(notRun(task.probe, first, isWanted(service)));
    else waiting.push(task);
  }

  waiting.sort((one, other) => Number(other.mayWait) - Number(one.mayWait));

  const alone: Task[] = [];
  const work = async () => {
    for (let task = waiting.shift(); task; task = waiting.shift()) {
      const isAlone = alone.length > 0 || jobs === 1;
      const outcome = await runOne(task).catch((error: unknown) => {
        // Nothing more is started: the check is over.
        waiting.length = 0;
        throw error;
      });
      // Another copy may have held a file, such as its PID file.
      if (!outcome.isStarted && !isAlone) alone.push(task, ...waiting.splice(0));
      else inOrder.add(outcome.result);
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: jobs }, work));
  for (const one of ended) if (one.status === 'rejected') throw one.reason;
  for (const task of alone) inOrder.add((await runOne(task)).result);
  return inOrder.results;
}

/** Passes results on in the order of their tests, whichever is over first. */
class InOrder {
  readonly #tasks: readonly Task[];
  readonly #onDone: ((result: ProbeResult) => void) | undefined;
  readonly #results = new Map<string, ProbeResult>();
  #passed = 0;

  constructor(tasks: readonly Task[], onDone?: (result: ProbeResult) => void) {
    this.#tasks = tasks;
    this.#onDone = onDone;
  }

  add(result: ProbeResult): void {
    this.#results.set(keyOf(result), result);
    for (let next = this.results[this.#passed]; next; next = this.results[this.#passed]) {
      this.#passed++;
      this.#onDone?.(next);
    }
  }

  /** Up to the first that is not there yet. */
  get results(): ProbeResult[] {
    const results: ProbeResult[] = [];
    for (const { probe } of this.#tasks) {
      const result = this.#results.get(keyOf(probe));
      if (!result) break;
      results.push(result);
    }
    return results;
  }
}

/** A relay has tests of the same name for its two ends. */
function keyOf({ id, by = 'both' }: AboutProbe): string {
  return `${id} ${by}`;
}

interface Outcome {
  result: ProbeResult;
  /** Whether the program listened, or tried to connect. */
  isStarted: boolean;
}

interface Task {
  probe: AboutProbe;
  restsOnService: boolean;
  needsTls: boolean;
  mayWait: boolean;
  run: () => Promise<Outcome>;
}

/** The code of a test that was not run. */
export const NOT_RUN = 'not-run';

/** `isShown`: whether the result that it rests on is shown as well. */
function notRun(about: AboutProbe, { result, isStarted }: Outcome, isShown: boolean): ProbeResult {
  const because = isStarted
    ? `since \`${result.id}\` is ${result.verdict}`
    : 'since the program was not there';
  return {
    ...aboutOf(about),
    ...unknown(NOT_RUN, `not run, ${because}${isShown ? '' : `: ${result.says}`}`),
    said: null,
    durationMs: 0,
    timeline: null,
  };
}

function task<B extends Bench>(
  probe: Probe<B>,
  open: () => Promise<B>,
  start: (bench: B) => Promise<void> = async () => {},
): Task {
  const { restsOnService, needsTls = false, mayWait = false } = probe;
  const about = aboutOf(probe);
  const run: Task['run'] = async () => {
    await using bench = await open();
    const startMs = performance.now();
    const { finding, isStarted } = await find(probe, bench, start);
    await bench.lab.count();
    await bench.back?.count();
    const durationMs = performance.now() - startMs;
    const said = saidBy(bench);
    const { timeline } = bench.lab;
    const backTimeline = bench.back && { backTimeline: bench.back.timeline };
    return {
      result: { ...about, ...finding, said, durationMs, timeline, ...backTimeline },
      isStarted,
    };
  };
  return { probe: about, restsOnService, needsTls, mayWait, run };
}

function aboutOf({ id, by, title, purpose }: AboutProbe): AboutProbe {
  return { id, ...(by && { by }), title, purpose };
}

const SAID_SHOWN = 200;

function saidBy({ said }: Bench): string | null {
  const text = Buffer.concat(said).toString('latin1');
  if (text === '') return null;
  return text.length > SAID_SHOWN ? `${text.slice(0, SAID_SHOWN)}…` : text;
}

async function find<B extends Bench>(
  probe: Probe<B>,
  bench: B,
  start: (bench: B) => Promise<void>,
): Promise<{ finding: Finding; isStarted: boolean }> {
  try {
    await start(bench);
  } catch (error) {
    if (!(error instanceof TcplabError) || error.code !== 'TIMEOUT') throw error;
    return { finding: unknown(codeOf(error), error.message), isStarted: false };
  }
  try {
    return { finding: await probe.run(bench), isStarted: true };
  } catch (error) {
    if (error instanceof WentToBackground || error instanceof ListensElsewhere)
      return { finding: unknown(codeOf(error), error.message), isStarted: false };
    // Errors of a socket (EPIPE, ECONNRESET) come from what the program did.
    if (!(error instanceof TcplabError) || error instanceof SettingError || error.code === 'MACHINE')
      throw error;
    if (error instanceof NotRelayed)
      return { finding: unknown('not-relayed', error.message), isStarted: true };
    const isStarted = !(error instanceof NeverConnected);
    return { finding: unknown(isStarted ? 'no-answer' : 'never-connected', error.message), isStarted };
  }
}

function codeOf(error: TcplabError): string {
  if (error instanceof WentToBackground) return 'went-to-background';
  if (error instanceof ListensElsewhere) return 'listens-elsewhere';
  return error instanceof EndedEarly ? 'ended-early' : 'did-not-listen';
}
