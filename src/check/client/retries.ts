import { counted } from '../../evidence/counted.ts';
import { type ClientBench, healthy } from '../client-bench.ts';
import { attemptsIn } from '../client-wire.ts';
import { seconds } from '../describe.ts';
import { type Advice, good, risk } from '../finding.ts';
import type { Probe } from '../probe.ts';

/** So many attempts show how a program retries. */
const ENOUGH = 5;

/** More attempts than this without a pause are a storm. */
const MANY = 50;

/** A pool has made all its connections by then, and rests. */
const ROUND_MS = 1000;
const MORE_THAN_A_POOL = 500;

/** An attempt that follows a failed one sooner was made at once. */
const PAUSE_MS = 20;
/** A pool makes many connections at once, and then waits for longer than this. On a busy machine, so does nothing else. */
const REST_MS = 200;

const STORM_ADVICE: Advice = {
  why: 'While the server starts again, each client takes a processor and fills its accept queue: the restart takes longer.',
  fix: 'Wait between attempts, twice as long each time, up to a limit, with some randomness (exponential backoff with jitter).',
};

const GONE_ADVICE: Advice = {
  why: 'The program must be restarted manually after each restart of the server.',
  fix: 'Retry until the server is back, with pauses of seconds at most.',
};

export const retries: Probe<ClientBench> = {
  id: 'retries',
  title: 'the server refuses for a while, then is back',
  purpose:
    'The server is being restarted. How often and how soon the client retries decides how long it is without it, and how hard the restart is.',
  restsOnService: true,
  async run(bench) {
    await bench.start();
    const times = () => attemptsIn(bench.sent()).map(({ atMs }) => atMs);
    await bench.until(async () => {
      await bench.step();
      const pauses = pausesOf(times());
      const shown = pauses.length >= ENOUGH - 1 && longestRun(pauses).quick < pauses.length / 2;
      return shown || isStorm(pauses) || bench.program.status !== undefined;
    });
    const pauses = pausesOf(times());
    const attempts = pauses.length + 1;
    const numbers = {
      attempts,
      leastPauseMs: pauses.length > 0 ? Math.min(...pauses) : null,
      mostPauseMs: pauses.length > 0 ? Math.max(...pauses) : null,
    };
    const tried = `${counted(attempts, 'attempt')}${textOf(pauses)}`;
    if (isStorm(pauses)) {
      await bench.program.stop(0);
      return risk(
        'retry-storm',
        `${attempts} attempts without a pause: a retry storm`,
        STORM_ADVICE,
        numbers,
      );
    }
    if (bench.program.status !== undefined || attempts === 1)
      return bench.judge(await bench.reaction(), GONE_ADVICE);

    const backMs = bench.lab.nowMs();
    let isServed = false;
    bench.serve(async (call, reply) => {
      await healthy(call, reply);
      isServed = true;
    });
    await bench.listen();
    await bench.until(async () => {
      await bench.step();
      return isServed || bench.program.status !== undefined;
    });
    const { status } = bench.program;
    if (isServed) {
      const backAfterMs = (times().find((time) => time >= backMs) ?? backMs) - backMs;
      return good('recovered', `${tried}; connected ${seconds(backAfterMs)} after the server was back`, {
        ...numbers,
        backAfterMs,
      });
    }
    if (status !== undefined) return bench.judge(await bench.reaction(), GONE_ADVICE);
    const says = `${tried}; not back ${seconds(bench.withinMs)} after the server was`;
    return bench.stillWaiting(says, GONE_ADVICE, numbers);
  },
};

function pausesOf(times: readonly number[]): number[] {
  return times.slice(1).map((time, index) => time - (times[index] ?? time));
}

/** A pool makes many connections at once as well, but then it rests. */
function isStorm(pauses: readonly number[]): boolean {
  const { quick, lastedMs } = longestRun(pauses);
  return quick > MORE_THAN_A_POOL || (quick > MANY && lastedMs > ROUND_MS);
}

/** The attempts that followed each other without a rest: how many of them did so at once, and how long it went on. */
function longestRun(pauses: readonly number[]): { quick: number; lastedMs: number } {
  let [most, run] = [
    { quick: 0, lastedMs: 0 },
    { quick: 0, lastedMs: 0 },
  ];
  for (const pause of pauses) {
    run =
      pause >= REST_MS
        ? { quick: 0, lastedMs: 0 }
        : { quick: run.quick + Number(pause < PAUSE_MS), lastedMs: run.lastedMs + pause };
    if (run.quick > most.quick) most = run;
  }
  return most;
}

/** ` with pauses of 1.0 s, 2.0 s`: the first ones. */
function textOf(pauses: readonly number[]): string {
  if (pauses.length === 0) return '';
  return ` with ${pauses.length === 1 ? 'a pause' : 'pauses'} of ${pauses.slice(0, ENOUGH).map(seconds).join(', ')}`;
}
