import { descriptorsOf, limitDescriptors, processorMsOf, socketHolders } from '../../kernel/process.ts';
import { seconds } from '../describe.ts';
import { type Advice, fault, good, risk, unknown } from '../finding.ts';
import type { Probe } from '../probe.ts';
import type { ServerBench } from '../server-bench.ts';

/** Descriptors that a process may open beyond those that it has. */
const FREE = 10;
const MORE = 20;
const SETTLES_WITHIN_MS = 100;
/** A program that waits uses next to nothing; on a busy machine, one that spins may get a fifth of a processor. */
const [MEASURED_MS, BUSY_MS] = [1000, 200];

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
    const processes = bench.processes;
    if (!processes) return unknown('elsewhere', 'the program runs on another machine');
    // What it opens at its first request is none of what clients use up.
    const first = await bench.visit();
    await first?.exchange();
    await first?.close();
    const inode = (await bench.listener())?.inode;
    const holders = [
      ...new Set(socketHolders(processes).flatMap((one) => (one.inode === inode ? one.pid : []))),
    ];
    const isLimited = holders.map((pid) => limitDescriptors(pid, (descriptorsOf(pid) ?? 0) + FREE));
    if (holders.length === 0 || !isLimited.every(Boolean))
      return unknown('not-limited', "the program's limit of descriptors could not be set");
    const clients = holders.length * FREE + MORE;
    const visitors = await Promise.all(Array.from({ length: clients }, () => bench.connect()));
    const openNow = async () => {
      const rows = await bench.lab.server.observe();
      return rows.filter(({ state, inode }) => state === 'ESTABLISHED' && inode !== 0).length;
    };
    await bench.until(() => bench.program.status !== undefined, SETTLES_WITHIN_MS);
    const before = processorMsOf(processes) ?? 0;
    const usedMs = () => (processorMsOf(processes) ?? 0) - before;
    const isOver = () => usedMs() >= BUSY_MS || bench.program.status !== undefined;
    const spins = await bench.until(isOver, MEASURED_MS);
    const cpuMs = Math.round(usedMs());
    // A program that spins makes more calls than tcplab can read.
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
    const numbers = { clients, open, refused, queued, cpuMs };
    const what = `of ${clients} clients ${open} were open, ${queued} waited, ${refused} were closed`;
    if (bench.program.status === undefined && open >= clients)
      return unknown('limit-not-reached', `all ${clients} clients were open beyond the limit`, numbers);
    await bench.until(async () => (await openNow()) === 0);
    const wrong = await bench.whatIsWrong();
    if (wrong) return fault('not-served-after', `${what}; afterwards ${wrong}`, DIES, numbers);
    if (spins)
      return risk(
        'spins',
        `${what}, and the program used ${cpuMs} ms of a processor in ${seconds(spins.tookMs)} without anything to do`,
        SPINS,
        numbers,
      );
    return good('recovered', `${what}; afterwards a new client was served`, numbers);
  },
};
