import { TcplabError } from '../../error.ts';
import { descriptorsOf, mostSince, timesOfThreads } from '../../kernel/process.ts';
import { isEnterable } from '../../lab/host.ts';
import { type Advice, fault, good, risk, unknown } from '../finding.ts';
import type { Probe } from '../probe.ts';
import type { ServerBench } from '../server-bench.ts';

/** Descriptors that a process may open beyond those that it has. */
const FREE = 40;
const MORE = 20;
/** With a short backlog some clients come only with their second or third SYN. */
const FULL_WITHIN_MS = 4000;
/** Of this time a program that spins runs, or waits for a processor, for all; one that waits for its clients hardly any. */
const [MEASURED_MS, SPINS_MS] = [500, 400];

const DIES: Advice = {
  why: 'When descriptors run out, accept() fails with EMFILE. A program that takes that for fatal ends the service for everyone.',
  fix: 'Handle EMFILE and ENFILE from accept(): close idle connections, wait a little, and go on. Raise the limit (LimitNOFILE, ulimit -n).',
};

const SPINS: Advice = {
  why: 'The listener stays readable while accept() fails, so a loop without a pause uses a whole processor just when the server is busiest.',
  fix: 'After EMFILE stop polling the listener for some milliseconds, or until a connection is closed. Raise the limit (LimitNOFILE, ulimit -n).',
};

export const tooMany: Probe<ServerBench> = {
  id: 'too-many',
  title: 'more clients than the program has descriptors',
  purpose:
    'The limit of descriptors is reached: accept() fails with EMFILE. The server must not end or spin, and recover.',
  restsOnService: true,
  async run(bench) {
    if (!bench.processes) return unknown('elsewhere', 'the program runs on another machine');
    // What it opens at its first request is none of what clients use up.
    const first = await bench.visit();
    await first?.exchange();
    await first?.close();
    const needed = Math.max(...(await bench.holders()).map((pid) => descriptorsOf(pid) ?? 0));
    if (needed <= 0) return unknown('not-visible', "the program's descriptors can't be seen");
    // As LimitNOFILE and `ulimit -n` do: some programs go by the limit that they find when they start.
    const most = needed + FREE;
    await bench.program.stop();
    try {
      await bench.start({ descriptors: most });
    } catch (error) {
      if (!(error instanceof TcplabError) || error.code !== 'TIMEOUT') throw error;
      return unknown('not-started', `the program does not start with a limit of ${most} descriptors`);
    }
    const holders = await bench.holders();
    const processes = bench.processes ?? [];
    // What it does on its own, without clients.
    const ownMs = await busyFor(bench, processes, () => bench.program.status !== undefined);
    if (isEnterable(bench.lab.server))
      bench.lab.server.loseKernelEvents(
        'not read: a program that spins makes more calls than tcplab can read',
      );
    const clients = holders.length * FREE + MORE;
    const visitors = await Promise.all(Array.from({ length: clients }, () => bench.connect()));
    const openNow = async () => (await bench.held()).filter(({ state }) => state === 'ESTABLISHED').length;
    // With TCP_DEFER_ACCEPT the kernel passes a connection on after its first byte.
    if (bench.talks && (await bench.countInState('SYN-RECEIVED')) > 0)
      for (const visitor of visitors) await visitor.ask();
    const hasEnded = () => bench.program.status !== undefined;
    const isFull = () => holders.some((pid) => (descriptorsOf(pid) ?? 0) >= most - 1);
    const wasFull = await bench.until(() => hasEnded() || isFull(), FULL_WITHIN_MS);
    const busyMs = await busyFor(bench, processes, hasEnded);
    // One that spins would take what is left of the machine.
    bench.program.signal('SIGSTOP');
    const open = await openNow();
    let refused = 0;
    for (const visitor of visitors) {
      await visitor.read();
      if (visitor.ended !== 'open') refused++;
      await visitor.close();
    }
    bench.program.signal('SIGCONT');
    const queued = Math.max(0, clients - open - refused);
    const numbers = { clients, open, refused, queued, busyMs };
    const what = `of ${clients} clients ${open} were open, ${queued} waited, ${refused} were closed`;
    const gone = holders.filter((pid) => descriptorsOf(pid) === undefined);
    if (bench.program.status === undefined && gone.length > 0)
      return risk('worker-ended', `${what}, and ${gone.length} of its processes ended`, DIES, numbers);
    if (bench.program.status === undefined && !wasFull && refused === 0)
      return unknown('limit-not-reached', `${what}: the limit of descriptors was not reached`, numbers);
    // A connection is over for the program once it has closed it as well.
    await bench.until(async () => hasEnded() || (await bench.held()).length === 0);
    const wrong = await bench.whatIsWrong();
    if (wrong) return fault('not-served-after', `${what}; afterwards ${wrong}`, DIES, numbers);
    if (busyMs >= SPINS_MS && ownMs >= SPINS_MS / 2)
      return unknown(
        'busy-anyway',
        `${what}; the program is busy without clients too, so whether it spins can't be told`,
        numbers,
      );
    if (busyMs >= SPINS_MS)
      return risk(
        'spins',
        `${what}, and the program was busy for ${busyMs} ms of ${MEASURED_MS} without anything to do`,
        SPINS,
        numbers,
      );
    return good('recovered', `${what}; afterwards a new client was served`, numbers);
  },
};

/** For how long the busiest thread wanted a processor, of MEASURED_MS. */
async function busyFor(
  bench: ServerBench,
  processes: readonly number[],
  hasEnded: () => boolean,
): Promise<number> {
  const before = timesOfThreads(processes);
  await bench.until(hasEnded, MEASURED_MS);
  // One that never sleeps runs or waits all the time, however busy the machine is.
  const busyMs = mostSince(before, timesOfThreads(processes), ({ ranMs, waitedMs }) => ranMs + waitedMs);
  return Math.round(Math.min(MEASURED_MS, busyMs));
}
