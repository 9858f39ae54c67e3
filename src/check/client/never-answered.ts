import type { ClientBench } from '../client-bench.ts';
import type { Probe } from '../probe.ts';

export const neverAnswered: Probe<ClientBench> = {
  id: 'never-answered',
  title: 'its connection is accepted, and nobody ever answers',
  why: 'The server hangs. To TCP all is well, so no timer runs: only the program can end the wait.',
  mend: 'Give the whole request a deadline (curl --max-time, wget --read-timeout, AbortSignal.timeout).',
  async run(bench) {
    await bench.call();
    return bench.judge(await bench.reaction(), { isThere: true });
  },
};
