import { describeEnd, seconds } from '../bench.ts';
import { good, type Probe, risk, unknown } from '../probe.ts';
import type { ServerBench } from '../server-bench.ts';

/** A server that notices within this time is good enough. Most NATs drop their entries sooner. */
const SOON_MS = 15 * 60_000;

export const peerVanishesIdle: Probe<ServerBench> = {
  id: 'peer-vanishes-idle',
  title: 'the client vanishes while the connection is idle',
  why: 'When a phone loses coverage, a cable is pulled or a NAT drops its entry, no FIN arrives. The connection keeps its descriptor, buffers and session.',
  mend: 'Close idle connections after a timeout, or set SO_KEEPALIVE with TCP_KEEPIDLE of a few minutes. Set TCP_USER_TIMEOUT to limit unacknowledged data as well.',
  async run(bench) {
    const visitor = await bench.visit();
    if (!visitor || !(await bench.isAccepted(visitor))) return unknown('no connection was accepted');
    await visitor.exchange();
    if (visitor.ended !== 'open') return good('the server closes after its response');
    await bench.cut();
    const gone = await bench.until(async () => {
      const row = await bench.serverRow(visitor);
      return row === undefined || row.state !== 'ESTABLISHED';
    });
    if (gone) return good(`the server closed after ${seconds(gone.tookMs)}`);
    const row = await bench.serverRow(visitor);
    if (!row) return good('the server closed');
    const told = await bench.forecast(row, 'server', { answered: false });
    const says = `still open after ${seconds(bench.withinMs)}; ${describeEnd(row, told)}`;
    if (told.givesUpMs !== null && told.givesUpMs <= SOON_MS) return good(says);
    return risk(`${says}. Run with a longer --within to see whether the server has an idle timeout`);
  },
};
