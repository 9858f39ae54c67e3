import { good, type Probe, risk, unknown } from '../probe.ts';
import type { ServerBench } from '../server-bench.ts';

const TIMES = 5;
const LEAVES_WITHIN_MS = 100;

export const keepsTimeWait: Probe<ServerBench> = {
  id: 'keeps-time-wait',
  title: 'which end keeps the TIME-WAIT sockets',
  why: 'The end that closes first keeps the address and port pair for 60 s. Behind a proxy with a single address, the proxy runs out of ports at about 470 new connections per second (28,232 ports / 60 s).',
  mend: 'Let the client close first: use persistent connections (the HTTP/1.1 default) or a client-side connection pool.',
  async run(bench) {
    let served = 0;
    for (let time = 0; time < TIMES; time++) {
      const visitor = await bench.visit();
      if (!visitor || !(await bench.isAccepted(visitor))) break;
      await visitor.exchange();
      // A server that closes after its response does it about now.
      await bench.until(async () => {
        await visitor.read();
        return visitor.ended !== 'open';
      }, LEAVES_WITHIN_MS);
      await visitor.close();
      await bench.until(async () => {
        const row = await bench.serverRow(visitor);
        return row === undefined || row.state === 'TIME-WAIT';
      });
      served++;
    }
    if (served === 0) return unknown('no connection was accepted');
    const atServer = await bench.countInState('TIME-WAIT');
    const rows = await bench.lab.client.observe();
    const atClient = rows.filter(({ state }) => state === 'TIME-WAIT').length;
    const says = `after ${served} connections: ${atServer} in TIME-WAIT at the server, ${atClient} at the client`;
    return atServer > 0 ? risk(says) : good(says);
  },
};
