import type { ClientBench } from '../client-bench.ts';
import { type Advice, fault } from '../finding.ts';
import type { Probe } from '../probe.ts';

const ADVICE: Advice = {
  why: 'The client has nothing to send. Without keepalive no TCP timer runs, so the client never sees an error.',
  fix: 'Give reads a timeout (curl --max-time or --speed-limit, wget --read-timeout). Set SO_KEEPALIVE on connections that may be idle.',
};

export const vanishesInAnswer: Probe<ClientBench> = {
  id: 'vanishes-in-answer',
  title: 'the server vanishes during its response',
  purpose: 'A host loses its power, a cable its plug: nothing more arrives, not even a FIN.',
  restsOnService: true,
  mayWait: true,
  async run(bench) {
    await bench.meet(async (call, reply) => {
      await call.answerPart(reply);
      await bench.cut();
    });
    return bench.judge(await bench.reaction(), ADVICE, { onSuccess: fault });
  },
};
