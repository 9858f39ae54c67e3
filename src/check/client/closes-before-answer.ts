import type { ClientBench } from '../client-bench.ts';
import { fault, type Probe } from '../probe.ts';

export const closesBeforeAnswer: Probe<ClientBench> = {
  id: 'closes-before-answer',
  title: 'the server closes before it responds',
  why: 'A server that is being stopped does this. An empty response is not a success. A client that does not close its end stays in CLOSE-WAIT.',
  mend: 'Treat end of file before a complete response as an error, and close the socket.',
  async run(bench) {
    const call = await bench.call();
    await bench.lab.server.close(call.socket);
    return bench.judge(await bench.reaction(), { onSuccess: fault });
  },
};
