import { seconds } from '../describe.ts';
import { type Advice, fault, good, unknown } from '../finding.ts';
import type { Probe } from '../probe.ts';
import type { ServerBench } from '../server-bench.ts';

const LEAK: Advice = {
  why: 'Until the program closes too, the connection stays in CLOSE-WAIT, which has no timeout. A program that never closes leaks a descriptor for each, until accept() and open() fail with EMFILE.',
  fix: 'Call close() when a read returns 0 (end of file), on every path, also after errors. Poll idle connections for EPOLLRDHUP.',
};

const ENDS: Advice = {
  why: 'One client that closes ends the service for everyone.',
  fix: 'Handle the end of each connection by itself, and go on serving the others.',
};

export const peerCloses: Probe<ServerBench> = {
  id: 'peer-closes',
  title: 'the client closes the connection',
  purpose: 'Every client closes some day. A server that does not close too leaks a descriptor for each.',
  restsOnService: true,
  async run(bench) {
    const visitor = await bench.visit();
    if (!visitor) return unknown('not-established', 'no connection was established');
    await visitor.exchange();
    // A connection that nobody accepted is the kernel's: nothing of it can leak in the program.
    if (!(await bench.isAccepted(visitor))) return unknown('not-accepted', 'the connection was not accepted');
    // A server that closes after its response does it about now.
    await bench.until(async () => {
      await visitor.read();
      return visitor.ended !== 'open';
    }, LEAVES_WITHIN_MS);
    const wasFirst = visitor.ended !== 'open';
    await visitor.close();
    const closed = await bench.until(async () => {
      const row = await bench.serverRow(visitor);
      return row === undefined || !OPEN.has(row.state);
    });
    const { state } = (await bench.serverRow(visitor)) ?? { state: 'CLOSED' };
    if (!closed)
      return fault(
        'close-wait',
        `still in ${state} ${seconds(bench.withinMs)} after the client's FIN`,
        LEAK,
        {
          waitedMs: bench.withinMs,
        },
      );
    const wrong = await bench.whatIsWrong();
    if (wrong) return fault('not-served-after', `after a client closed, ${wrong}`, ENDS);
    if (wasFirst) return good('server-closed-first', 'the server closed before the client');
    const { tookMs } = closed;
    return good('closed', `closed ${seconds(tookMs)} after the client's FIN`, { tookMs });
  },
};

const LEAVES_WITHIN_MS = 100;

const OPEN = new Set(['ESTABLISHED', 'CLOSE-WAIT']);
