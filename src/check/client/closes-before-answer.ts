import type { ClientBench } from '../client-bench.ts';
import { type Advice, fault } from '../finding.ts';
import type { Probe } from '../probe.ts';

const ADVICE: Advice = {
  why: 'An empty response is not a success. A client that does not close its end stays in CLOSE-WAIT.',
  fix: 'Treat end of file before a complete response as an error, and close the socket.',
};

export const closesBeforeAnswer: Probe<ClientBench> = {
  id: 'closes-before-answer',
  title: 'the server closes before it responds',
  purpose: 'A server that is being stopped does this. The client must notice, and close too.',
  restsOnService: true,
  async run(bench) {
    await bench.meet((call) => call.close());
    return bench.judge(await bench.reaction(), ADVICE, { onSuccess: fault });
  },
};
