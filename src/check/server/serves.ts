import { seconds } from '../bench.ts';
import { fault, good, type Probe } from '../probe.ts';
import type { ServerBench } from '../server-bench.ts';

export const serves: Probe<ServerBench> = {
  id: 'serves',
  title: 'a client sends a request and reads the response',
  why: 'The other tests assume that a legitimate client is served.',
  mend: 'Check the command and --port. Check the request and the expected response: --http PATH, or --request TEXT with --expect TEXT.',
  async run(bench) {
    const visitor = await bench.visit();
    if (!visitor) return fault(`no connection was established within ${seconds(bench.withinMs)}`);
    if (!(await bench.isAccepted(visitor)))
      return fault(`the connection was not accepted within ${seconds(bench.withinMs)}`);
    if (!bench.talks) return good('accepted; tcplab sent no request');
    const tookMs = await visitor.exchange();
    if (tookMs !== undefined) return good(`complete response in ${seconds(tookMs)}`);
    if (visitor.ended !== 'open') return fault(`the server sent ${visitor.ended} before a complete response`);
    return fault(`no complete response within ${seconds(bench.withinMs)}`);
  },
};
