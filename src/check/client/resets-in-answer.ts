import type { ClientBench } from '../client-bench.ts';
import { type Advice, fault } from '../finding.ts';
import type { Probe } from '../probe.ts';

const ADVICE: Advice = {
  why: 'A truncated response that counts as complete corrupts data.',
  fix: 'Compare the received length with the announced length, and report ECONNRESET.',
};

export const resetsInAnswer: Probe<ClientBench> = {
  id: 'resets-in-answer',
  title: 'the server resets the connection during its response',
  purpose: 'A crash or a proxy timeout does this. The client must not take half a response for a whole one.',
  restsOnService: true,
  async run(bench) {
    await bench.meet(async (call, reply) => {
      await call.answerPart(reply);
      // An RST discards data that the program has not read yet.
      await bench.until(async () => (await bench.sockets()).every(({ receiveQueue }) => receiveQueue === 0));
      await call.abort();
    });
    return bench.judge(await bench.reaction(), ADVICE, { onSuccess: fault });
  },
};
