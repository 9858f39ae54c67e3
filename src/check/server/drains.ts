import { type Advice, fault, good, risk, unknown } from '../finding.ts';
import type { Probe } from '../probe.ts';
import type { ServerBench } from '../server-bench.ts';

const CUT: Advice = {
  why: 'The server waits for its requests in progress, and cuts one all the same: a user sees an error at each deployment.',
  fix: 'Wait until each request in progress has its response, and set the deadline for that longer than the slowest takes.',
};

const QUEUED: Advice = {
  why: 'Closing the listener resets all connections in its accept queue. Their clients are connected and have sent a request, and a POST must not be sent twice.',
  fix: 'On SIGTERM wait until the load balancer sends nothing more (a preStop pause of some seconds), accept what is queued, and close the listener then.',
};

const NEW: Advice = {
  why: 'During the drain clients still come, until the load balancer has noticed. One that is accepted and not served waits for its timeout instead of trying another server.',
  fix: 'Close the listener when the drain begins, so that new clients are refused at once, or serve them until the end.',
};

export const drains: Probe<ServerBench> = {
  id: 'drains',
  title: 'clients in the queue and new ones, while the server ends',
  purpose: 'A deployment under load: requests in progress, connections in the accept queue, and new clients.',
  restsOnService: true,
  async run(bench) {
    const { stopSignal = 'SIGTERM', signalGroup = false } = bench.options;
    const progress = await bench.inProgress();
    if (!progress) return unknown('not-in-progress', 'no request could be held in progress');
    const { busy, rest } = progress;
    // A program that stands still accepts nothing.
    bench.program.signal('SIGSTOP');
    const queued = await bench.visit();
    if (!queued) return unknown('not-established', 'no connection was established');
    await queued.ask();
    const isQueued = (await bench.serverRow(queued))?.inode === 0;
    bench.program.signal(stopSignal, signalGroup ? 'group' : 'process');
    bench.program.signal('SIGCONT');
    const ended = await bench.until(() => bench.program.status !== undefined, ENDS_WITHIN_MS);
    if (ended || !isQueued)
      return unknown(
        ended ? 'no-drain' : 'not-queued',
        ended
          ? `the program exited at once, and did not wait for the request in progress`
          : 'no connection could be held in the accept queue',
      );
    const late = await bench.connect();
    await bench.until(async () => (await late.isConnected()) || late.ended !== 'open');
    if (late.ended === 'open') await late.ask();
    await busy.send(rest);
    const held = await bench.fateOf(busy);
    const fates = { queued: await bench.fateOf(queued), new: await bench.fateOf(late) };
    const says = `in progress: ${held}; in the accept queue: ${fates.queued}; new: ${fates.new}`;
    if (held === 'cut' || held === 'no reply') return fault('answer-cut', says, CUT);
    if (fates.new === 'no reply' || fates.new === 'cut') return risk('new-not-served', says, NEW);
    if (!fates.queued.startsWith('answered')) return risk('queued-lost', says, QUEUED);
    return good('drained', says);
  },
};

/** A program without a drain has exited by then. */
const ENDS_WITHIN_MS = 300;
