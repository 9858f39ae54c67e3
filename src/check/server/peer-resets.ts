import { fault, good, type Probe, unknown } from '../probe.ts';
import type { ServerBench } from '../server-bench.ts';

const TIMES = 5;

export const peerResets: Probe<ServerBench> = {
  id: 'peer-resets',
  title: 'clients reset their connections during a request',
  why: 'Browsers, load balancers and scanners do this all day. A read or write on a reset connection fails with ECONNRESET or EPIPE. SIGPIPE kills a program that does not ignore it.',
  mend: 'Handle read and write errors on every connection (Node: an error listener), and ignore SIGPIPE.',
  async run(bench) {
    let reset = 0;
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
      reset++;
    }
    if (reset === 0) return unknown('no connection was established');
    const wrong = await bench.whatIsWrong();
    return wrong
      ? fault(`after ${reset} resets: ${wrong}`)
      : good(`a new client is served after ${reset} resets`);
  },
};
