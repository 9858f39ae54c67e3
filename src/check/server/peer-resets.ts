import { fault, good, type Probe, unknown } from '../probe.ts';
import type { ServerBench } from '../server-bench.ts';

const TIMES = 5;

export const peerResets: Probe<ServerBench> = {
  id: 'peer-resets',
  title: 'clients ask, and reset their connections once something has come',
  why: 'Browsers, load balancers and scanners do it all day. A write then fails with ECONNRESET or EPIPE, and SIGPIPE ends who has not thought of it.',
  mend: 'Handle errors of reads and writes on every connection (Node: an `error` listener), and ignore SIGPIPE.',
  async run(bench) {
    let reset = 0;
    for (let time = 0; time < TIMES; time++) {
      const visitor = await bench.visit();
      if (!visitor) break;
      await visitor.ask();
      // Its first octets have come, or the server has the request: a short answer may be whole by then.
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
    if (reset === 0) return unknown('no connection stood that could be reset');
    const wrong = await bench.whatIsWrong();
    return wrong ? fault(`after ${reset} resets: ${wrong}`) : good(`after ${reset} resets it still serves`);
  },
};
