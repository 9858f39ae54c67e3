import { describeEnd, seconds } from '../bench.ts';
import { good, type Probe, risk, unknown } from '../probe.ts';
import type { ServerBench } from '../server-bench.ts';

/** What is noticed within this is noticed soon enough to matter: a NAT forgets sooner. */
const SOON_MS = 15 * 60_000;

export const peerVanishesIdle: Probe<ServerBench> = {
  id: 'peer-vanishes-idle',
  title: 'the client vanishes while the connection is idle',
  why:
    'A phone out of reach, a pulled cable, a NAT that forgets: no FIN ever comes. Without keepalive or an idle timeout the ' +
    'connection stands for ever, with all that hangs on it.',
  mend: 'Set SO_KEEPALIVE with TCP_KEEPIDLE well below two hours, or close what has been idle for too long; and TCP_USER_TIMEOUT.',
  async run(bench) {
    const visitor = await bench.visit();
    if (!visitor || !(await bench.isAccepted(visitor))) return unknown('no connection was accepted');
    await visitor.exchange();
    if (visitor.ended !== 'open') return good('it keeps no idle connection: it closes after its answer');
    await bench.cut();
    const gone = await bench.until(async () => {
      const row = await bench.serverRow(visitor);
      return row === undefined || row.state !== 'ESTABLISHED';
    });
    if (gone) return good(`it closed the idle connection by itself after ${seconds(gone.tookMs)}`);
    const row = await bench.serverRow(visitor);
    if (!row) return good('it closed the idle connection by itself');
    const told = await bench.forecast(row, 'server');
    const says = `within ${seconds(bench.withinMs)} it did not close; ${describeEnd(row, told)}`;
    if (told.givesUpMs !== null && told.givesUpMs <= SOON_MS) return good(says);
    return risk(`${says}. A longer --within shows whether it has an idle timeout`);
  },
};
