import { type Advice, fault, good, unknown } from '../finding.ts';
import type { Probe } from '../probe.ts';
import type { ServerBench } from '../server-bench.ts';

const TIMES = 5;

const ADVICE: Advice = {
  why: 'Browsers, load balancers and scanners reset connections all day. A read or write on one fails with ECONNRESET or EPIPE. SIGPIPE kills a program that does not ignore it.',
  fix: 'Handle read and write errors on every connection (Node: an error listener), and ignore SIGPIPE.',
};

export const peerResets: Probe<ServerBench> = {
  id: 'peer-resets',
  title: 'clients reset their connections during a request',
  purpose: 'Browsers, load balancers and scanners do this all day. The server must go on serving others.',
  restsOnService: true,
  async run(bench) {
    let resets = 0;
    for (let time = 0; time < TIMES; time++) {
      const visitor = await bench.visit();
      if (!visitor) break;
      await visitor.ask();
      // The first bytes have arrived, or the server has read the request. A short response may be complete by then.
      await bench.until(
        async () => {
          const row = await bench.serverRow(visitor);
          const taken = !row || (row.inode !== 0 && row.receiveQueue === 0);
          return bench.talks ? (await visitor.read()) > 0 || visitor.ended !== 'open' : taken;
        },
        Math.min(1000, bench.withinMs),
      );
      await visitor.abort();
      resets++;
    }
    if (resets === 0) return unknown('not-established', 'no connection was established');
    const wrong = await bench.whatIsWrong();
    return wrong
      ? fault('not-served-after', `after ${resets} resets: ${wrong}`, ADVICE, { resets })
      : good('served-after', `a new client is served after ${resets} resets`, { resets });
  },
};
