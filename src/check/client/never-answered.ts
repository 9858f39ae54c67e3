import type { ClientBench } from '../client-bench.ts';
import type { Probe } from '../probe.ts';

export const neverAnswered: Probe<ClientBench> = {
  id: 'never-answered',
  title: 'the server accepts and never responds',
  why: 'The server hangs, but its kernel acknowledges the request. No TCP timer ends the wait: only the program can.',
  mend: 'Give the whole request a timeout (curl --max-time, wget --read-timeout, AbortSignal.timeout).',
  async run(bench) {
    await bench.call();
    return bench.judge(await bench.reaction(), { isThere: true });
  },
};
