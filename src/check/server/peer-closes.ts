import { seconds } from '../bench.ts';
import { fault, good, type Probe, unknown } from '../probe.ts';
import type { ServerBench } from '../server-bench.ts';

export const peerCloses: Probe<ServerBench> = {
  id: 'peer-closes',
  title: 'the client closes its end',
  why:
    'Until the program closes too, the connection stays in CLOSE-WAIT, on no timer. Each one is a descriptor lost, and it ' +
    'ends with EMFILE.',
  mend: 'Close when a read gives 0 (end of file), in every path, errors as well; watch idle connections for it (EPOLLRDHUP).',
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
    if (!closed) return fault(`it was still in CLOSE-WAIT ${seconds(bench.withinMs)} after the client’s FIN`);
    return good(
      wasFirst
        ? 'it had closed before the client did'
        : `it closed ${seconds(closed.tookMs)} after the client’s FIN`,
    );
  },
};

const OPEN = new Set(['ESTABLISHED', 'CLOSE-WAIT']);
