import { mostSince, timesOfThreads } from '../../kernel/process.ts';
import { seconds } from '../describe.ts';
import { type Advice, fault, good, risk, unknown } from '../finding.ts';
import type { Probe } from '../probe.ts';
import type { ServerBench } from '../server-bench.ts';

const CLIENTS = 300;

/** A client that waits in the accept queue for as long waits as for a lost SYN. */
const LATE_MS = 900;

const BACKLOG: Advice = {
  why: 'After a restart or a failover, all clients reconnect at once. When the accept queue is full, the kernel drops the SYN or the final ACK, and the client waits 1 s or more for the retransmission.',
  fix: 'Use a listen() backlog sized for the peak (net.core.somaxconn caps it), and call accept() in a loop that does nothing else.',
};

const LIMIT: Advice = {
  why: 'The kernel queued all connections, but the program took only some of them: it has a limit, or too few workers. The other clients believe that they are connected, and wait.',
  fix: 'Raise the limit on connections, or the number of workers (worker_connections, max_connections, MaxStartups, --workers), or refuse what is too much at once.',
};

const SLOW: Advice = {
  why: 'After a restart or a failover, all clients reconnect at once. Each waits in the accept queue until the program comes to it.',
  fix: 'Call accept() in a loop that does nothing else, and serve connections side by side.',
};

const BROKEN: Advice = {
  why: 'A burst of clients, such as after a failover, ends the service for everybody.',
  fix: 'Limit the connections that are accepted at a time, and handle EMFILE from accept(): close what is idle, and go on.',
};

export const manyConnections: Probe<ServerBench> = {
  id: 'many-connections',
  title: `${CLIENTS} clients connect at once`,
  purpose: 'After a restart or a failover, all clients reconnect at once.',
  restsOnService: true,
  async run(bench) {
    const visitors = await Promise.all(Array.from({ length: CLIENTS }, () => bench.connect()));
    let startMs = bench.lab.nowMs();
    const before = timesOfThreads(bench.processes ?? []);
    let wasQueuedLate = false;
    const openNow = async () => {
      const rows = await bench.lab.server.observe();
      // tcplab may have looked late; what the queue holds then is the program's.
      const queued = rows.find(
        ({ state, local }) => state === 'LISTEN' && local.port === bench.lab.serverPort,
      );
      wasQueuedLate ||= (queued?.receiveQueue ?? 0) > 0 && bench.lab.nowMs() - startMs > LATE_MS;
      return rows.filter(
        ({ state, inode, local }) =>
          state === 'ESTABLISHED' && inode !== 0 && local.port === bench.lab.serverPort,
      ).length;
    };
    // A server may say what it has to say, or refuse, and close: then it has accepted as well.
    const endedNow = async () => {
      for (const visitor of visitors) await visitor.read();
      return visitors.filter(({ ended }) => ended !== 'open').length;
    };
    const areHandled = async () => (await endedNow()) + (await openNow()) >= CLIENTS;
    let handled = await bench.until(areHandled);
    // With TCP_DEFER_ACCEPT (Apache) the kernel passes them on after their first byte, and so long shows SYN-RECEIVED.
    const isDeferred = async () =>
      (await bench.countInState('SYN-RECEIVED')) > 0 && (await bench.counted('TcpExtListenOverflows')) === 0;
    if (!handled && bench.talks && (await isDeferred())) {
      await Promise.all(visitors.map((visitor) => visitor.ask()));
      [startMs, wasQueuedLate] = [bench.lab.nowMs(), false];
      handled = await bench.until(areHandled);
    }
    const times = timesOfThreads(bench.processes ?? []);
    const open = await openNow();
    const { sendQueue: backlog = 0, receiveQueue: queued = 0 } = (await bench.listener()) ?? {};
    const overflows = await bench.counted('TcpExtListenOverflows');
    let [served, refused] = [0, 0];
    for (const visitor of visitors) {
      await visitor.read();
      if (visitor.ended !== 'open') (await visitor.isServed()) ? served++ : refused++;
      await visitor.close();
    }
    const wrong = await bench.whatIsWrong();
    const queue = `backlog ${backlog}, ${overflows === 0 ? 'no overflow' : `${overflows} overflows`}`;
    const numbers = {
      clients: CLIENTS,
      open,
      queued,
      served,
      refused,
      backlog,
      overflows,
      tookMs: handled?.tookMs ?? null,
    };
    // A limit for each address is none for everybody, and all clients of this test have one address.
    if (wrong && bench.program.status === undefined && bench.lastEnded !== 'open')
      return unknown(
        'refused-after',
        `after the burst ${wrong} (${queue}); a limit for each address would do that too`,
        numbers,
      );
    if (wrong) return fault('not-served-after', `after the burst ${wrong} (${queue})`, BROKEN, numbers);
    const then = `(${queue}); afterwards a new client was served`;
    if (handled) {
      const took = seconds(handled.tookMs);
      const closed = `${refused} of ${CLIENTS} were closed by the server`;
      if (refused > 0)
        return overflows === 0
          ? good('refused', `${closed}, ${open} were open ${then}`, numbers)
          : risk('overflow', `${closed}, the last only after ${took} ${then}`, BACKLOG, numbers);
      if (overflows > 0)
        return risk('overflow', `all accepted, but only after ${took} (${queue})`, BACKLOG, numbers);
      // What this machine is too busy for is none of the program's doing.
      const waitedMs = mostSince(before, times, (thread) => thread.waitedMs);
      if (wasQueuedLate && waitedMs > LATE_MS / 3)
        return unknown(
          'machine-busy',
          `all accepted, but only after ${took} (${queue}), and the program waited ${seconds(waitedMs)} for a processor: this machine is too busy to tell`,
          numbers,
        );
      if (wasQueuedLate)
        return risk('accepted-late', `all accepted, but only after ${took} (${queue})`, SLOW, numbers);
      return good('accepted', `all accepted within ${took} (${queue})`, numbers);
    }
    // It has taken all that the kernel had for it: the missing ones did not fit into the queue.
    const done = served > 0 ? ` and ${served} served` : '';
    const isQueueTooShort = overflows > 0 && queued === 0;
    return risk(
      isQueueTooShort ? 'overflow' : 'limit',
      `only ${open} of ${CLIENTS} were open${done} after ${seconds(bench.withinMs)} ${then}`,
      isQueueTooShort ? BACKLOG : LIMIT,
      numbers,
    );
  },
};
