import { seconds } from '../bench.ts';
import { fault, good, type Probe } from '../probe.ts';
import type { ServerBench } from '../server-bench.ts';

export const serves: Probe<ServerBench> = {
  id: 'serves',
  title: 'a client comes, as clients should',
  why: 'What does not work when all is well can’t be looked at when it is not: all other findings rest on this one.',
  mend: 'Check the command, --port, and what is said to it: --http PATH, or --request TEXT with --expect TEXT.',
  async run(bench) {
    const visitor = await bench.visit();
    if (!visitor) return fault(`no connection stood within ${seconds(bench.withinMs)}`);
    if (!(await bench.isAccepted(visitor)))
      return fault(`the connection was not accepted within ${seconds(bench.withinMs)}`);
    if (!bench.talks) return good('it accepts connections; nothing was said to it');
    const tookMs = await visitor.exchange();
    if (tookMs !== undefined) return good(`it answered within ${seconds(tookMs)}`);
    if (visitor.ended !== 'open') return fault(`it sent a ${visitor.ended} in place of a whole answer`);
    return fault(`no whole answer within ${seconds(bench.withinMs)}`);
  },
};
