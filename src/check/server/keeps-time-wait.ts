import { good, type Probe, risk, unknown } from '../probe.ts';
import type { ServerBench } from '../server-bench.ts';

const TIMES = 5;
const LEAVES_WITHIN_MS = 100;

export const keepsTimeWait: Probe<ServerBench> = {
  id: 'keeps-time-wait',
  title: 'clients come, are served and go: who is left with the TIME-WAITs',
  why:
    'Who closes first keeps the port pair for 60 s. At a server they cost memory and, behind a proxy with one address, the ' +
    'ports that the proxy may use: 28,000 of them are gone at 470 connections a second.',
  mend: 'Let the client close first: keep connections alive (HTTP/1.1 does), or use a pool on the client’s side.',
  async run(bench) {
    let served = 0;
    for (let time = 0; time < TIMES; time++) {
      const visitor = await bench.visit();
      if (!visitor || !(await bench.isAccepted(visitor))) break;
      await visitor.exchange();
      // Who closes when all is said, does it about now.
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
    const says = `of ${served} connections ${atServer} are in TIME-WAIT at the server, ${atClient} at the client`;
    return atServer > 0 ? risk(says) : good(says);
  },
};
