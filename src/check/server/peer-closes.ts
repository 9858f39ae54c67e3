import { seconds } from '../bench.ts';
import { fault, good, type Probe, unknown } from '../probe.ts';
import type { ServerBench } from '../server-bench.ts';

export const peerCloses: Probe<ServerBench> = {
  id: 'peer-closes',
  title: 'the client closes the connection',
  why: 'Until the program closes too, the connection stays in CLOSE-WAIT, which has no timeout. Each one leaks a descriptor, until accept() and open() fail with EMFILE.',
  mend: 'Call close() when a read returns 0 (end of file), on every path, also after errors. Poll idle connections for EPOLLRDHUP.',
  async run(bench) {
    const visitor = await bench.visit();
    if (!visitor || !(await bench.isAccepted(visitor))) return unknown('no connection was accepted');
    await visitor.exchange();
    const wasFirst = visitor.ended !== 'open';
    await visitor.close();
    const closed = await bench.until(async () => {
      const row = await bench.serverRow(visitor);
      return row === undefined || !OPEN.has(row.state);
    });
    const { state } = (await bench.serverRow(visitor)) ?? { state: 'CLOSED' };
    if (!closed) return fault(`still in ${state} ${seconds(bench.withinMs)} after the client's FIN`);
    return good(
      wasFirst
        ? 'the server closed before the client'
        : `closed ${seconds(closed.tookMs)} after the client's FIN`,
    );
  },
};

const OPEN = new Set(['ESTABLISHED', 'CLOSE-WAIT']);
