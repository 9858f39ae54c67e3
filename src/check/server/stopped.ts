import { counted } from '../../evidence/counted.ts';
import { asOption, seconds } from '../describe.ts';
import { type Advice, type Finding, fault, good, type Numbers, risk, unknown } from '../finding.ts';
import type { Probe } from '../probe.ts';
import type { ServerBench } from '../server-bench.ts';
import type { Visitor } from '../visitor.ts';

const CUT: Advice = {
  why: 'Every deployment stops the server. Each response that is cut is an error that a user sees.',
  fix: 'On SIGTERM stop accepting, finish the requests in progress, close idle connections, then exit. If another signal does that, name it: --stop-signal, and STOPSIGNAL in a Dockerfile or KillSignal in a systemd unit.',
};

const STAYS: Advice = {
  why: 'A server that does not exit is killed in the end (Kubernetes: after 30 s, systemd: after 90 s), with all its open requests.',
  fix: 'On SIGTERM stop accepting, finish the requests in progress, close idle connections, then exit. Set a deadline for clients that stay.',
};

export const stopped: Probe<ServerBench> = {
  id: 'stopped',
  title: 'SIGTERM during a request, with another connection idle',
  purpose:
    'Every deployment does this. Requests in progress should be finished, and the server should exit soon.',
  restsOnService: true,
  async run(bench) {
    const { request } = bench.talk;
    const idle = await bench.visit();
    if (!idle) return unknown('not-established', 'no connection was established');
    await idle.exchange();
    if (request.length < 2) return stopIdle(bench);
    const progress = await bench.inProgress();
    if (!progress)
      return unknown(
        'not-in-progress',
        'no request could be held in progress: the server did not read a part of one, or answered it',
      );
    const { busy, rest } = progress;
    const startMs = bench.lab.nowMs();
    bench.signalStop();
    const isOver = async () => (await busy.isAnswered()) || busy.ended !== 'open';
    const isGone = async () => (await isOver()) || bench.program.status !== undefined;
    // A program that simply ends has done so by then; one that waits for its requests still does.
    await bench.until(isGone, ENDS_WITHIN_MS);
    await busy.send(rest);
    await bench.until(isGone);
    // What a program has written before its end may still be on its way.
    await bench.until(isOver, 500);
    const exited = await bench.until(async () => {
      // A client closes too when the server does.
      await idle.closeIfEnded();
      await busy.closeIfEnded();
      return bench.program.status !== undefined;
    });
    return judge(bench, busy, exited && bench.exitMs && bench.exitMs - startMs);
  },
};

async function judge(bench: ServerBench, busy: Visitor, exitMs: number | undefined): Promise<Finding> {
  const { stopSignal = 'SIGTERM' } = bench.options;
  const isWhole = await busy.isAnswered();
  const bytes = await busy.read();
  const numbers = { exitMs: exitMs ?? null, bytes };
  const exit =
    exitMs === undefined
      ? `still running ${seconds(bench.withinMs)} after ${stopSignal}`
      : `exited ${seconds(exitMs)} after ${stopSignal}`;
  if (!isWhole) {
    const then = ENDED[busy.ended] ?? busy.ended;
    const says =
      bytes === 0
        ? `${exit}; a request that was still arriving got ${then} and no response`
        : `${exit}; the response to a request that was still arriving was cut: ${counted(bytes, 'byte')}, then ${then}`;
    return fault('answer-cut', says, CUT, numbers);
  }
  if (busy.problem !== null)
    return unknown(
      'unexpected-answer',
      `${exit}; a request that was still arriving got ${busy.problem}`,
      numbers,
    );
  const says = `${exit}; a request that was still arriving got its response`;
  return exitMs === undefined ? stays(bench, says, numbers) : good('finished', says, numbers);
}

/** Kubernetes waits as long before it kills. */
const KILLED_AFTER_MS = 30_000;

/** A program may have a deadline of its own for clients that stay. */
function stays(bench: ServerBench, says: string, numbers: Numbers): Finding {
  if (bench.withinMs >= KILLED_AFTER_MS) return risk('stays', says, STAYS, numbers);
  return unknown('still-waiting', `${says}; --within ${asOption(KILLED_AFTER_MS)} would tell`, numbers);
}

const ENDS_WITHIN_MS = 500;

const ENDED: Record<string, string> = { open: 'nothing' };

/** Without a request only the end itself can be seen. */
async function stopIdle(bench: ServerBench): Promise<Finding> {
  const { stopSignal = 'SIGTERM' } = bench.options;
  bench.signalStop();
  const exited = await bench.until(() => bench.program.status !== undefined);
  if (!exited)
    return stays(bench, `still running ${seconds(bench.withinMs)} after ${stopSignal}`, { exitMs: null });
  const { tookMs: exitMs } = exited;
  return good('exited', `exited ${seconds(exitMs)} after ${stopSignal}; tcplab sent no request`, { exitMs });
}
