import type { ClientBench } from '../client-bench.ts';
import { fault, type Probe } from '../probe.ts';

export const vanishesInAnswer: Probe<ClientBench> = {
  id: 'vanishes-in-answer',
  title: 'the server vanishes during its response',
  why: 'Nothing more arrives, and the client has nothing to send. Without keepalive no TCP timer runs, so the client never sees an error.',
  mend: 'Give reads a timeout (curl --max-time or --speed-limit, wget --read-timeout). Set SO_KEEPALIVE on connections that may be idle.',
  async run(bench) {
    const call = await bench.call();
    await call.answer({ part: true });
    await bench.cut();
    return bench.judge(await bench.reaction(), { onSuccess: fault });
  },
};
