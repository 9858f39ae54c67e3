import type { SocketRow } from '../../tcp/socket-row.ts';
import { type Advice, good, risk, unknown } from '../finding.ts';
import type { Probe } from '../probe.ts';
import type { ServerBench } from '../server-bench.ts';

const TIMES = 5;
const LEAVES_WITHIN_MS = 100;

const ADVICE: Advice = {
  why: 'The end that closes first keeps the address and port pair for 60 s. Behind a proxy with a single address, the proxy runs out of ports at about 470 new connections per second (28,232 ports / 60 s).',
  fix: 'Let the client close first: use persistent connections (the HTTP/1.1 default) or a client-side connection pool.',
};

export const keepsTimeWait: Probe<ServerBench> = {
  id: 'keeps-time-wait',
  title: 'which end keeps the TIME-WAIT sockets',
  purpose:
    'The end that closes first keeps the pair of addresses and ports for 60 s. Behind a proxy that limits the rate.',
  restsOnService: true,
  async run(bench) {
    let closed = 0;
    let missing = 'established';
    for (let time = 0; time < TIMES; time++) {
      const visitor = await bench.visit();
      if (!visitor) break;
      missing = 'accepted';
      await visitor.exchange();
      if (!(await bench.isAccepted(visitor))) break;
      // A server that closes after its response does it about now.
      await bench.until(async () => {
        await visitor.read();
        return visitor.ended !== 'open';
      }, LEAVES_WITHIN_MS);
      await visitor.close();
      const over = await bench.until(async () => {
        const row = await bench.serverRow(visitor);
        return row === undefined || row.state === 'TIME-WAIT';
      });
      if (!over) {
        const { state } = (await bench.serverRow(visitor)) ?? { state: 'CLOSED' };
        return unknown('not-closed', `a connection did not end: the server is still in ${state}`);
      }
      closed++;
    }
    if (closed === 0) return unknown(`not-${missing}`, `no connection was ${missing}`);
    const atServer = await bench.countInState('TIME-WAIT');
    const rows = await bench.lab.client.observe();
    const { serverPort } = bench.lab;
    const isOurs = ({ state, remote }: SocketRow) => state === 'TIME-WAIT' && remote.port === serverPort;
    const atClient = rows.filter(isOurs).length;
    const says = `after ${closed} connections: ${atServer} in TIME-WAIT at the server, ${atClient} at the client`;
    const numbers = { connections: closed, atServer, atClient };
    if (atServer > 0) return risk('at-server', says, ADVICE, numbers);
    if (atClient > 0) return good('at-client', says, numbers);
    return unknown('nowhere', `${says}: the connections were reset`, numbers);
  },
};
