import type { ClientBench } from '../client-bench.ts';
import { fault, type Probe } from '../probe.ts';

export const closesBeforeAnswer: Probe<ClientBench> = {
  id: 'closes-before-answer',
  title: 'the server closes before it has answered',
  why: 'A server that is stopped does this. An empty answer is not an answer; and an end that is not closed stays in CLOSE-WAIT.',
  mend: 'Take an end of file before the answer for an error, and close.',
  async run(bench) {
    const call = await bench.call();
    await bench.lab.server.close(call.socket);
    return bench.judge(await bench.reaction(), { onSuccess: fault });
  },
};
