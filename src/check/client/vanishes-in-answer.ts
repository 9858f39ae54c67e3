import type { ClientBench } from '../client-bench.ts';
import { fault, type Probe } from '../probe.ts';

export const vanishesInAnswer: Probe<ClientBench> = {
  id: 'vanishes-in-answer',
  title: 'the server vanishes in mid-answer',
  why: 'Nothing comes any more, and the client has nothing to send: no timer of TCP runs, and it never finds out.',
  mend: 'Give reads a deadline (curl --speed-limit or --max-time, wget --read-timeout), and set SO_KEEPALIVE for what may be idle.',
  async run(bench) {
    const call = await bench.call();
    await call.answer({ part: true });
    await bench.cut();
    return bench.judge(await bench.reaction(), { onSuccess: fault });
  },
};
