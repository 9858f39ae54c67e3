import type { ClientBench } from '../client-bench.ts';
import type { Advice } from '../finding.ts';
import type { Probe } from '../probe.ts';

const ADVICE: Advice = {
  why: 'No TCP timer ends the wait: only the program can. Until then it keeps its caller, a thread or a pool slot waiting.',
  fix: 'Give the whole request a timeout (curl --max-time, wget --read-timeout, AbortSignal.timeout).',
};

export const neverAnswered: Probe<ClientBench> = {
  id: 'never-answered',
  title: 'the server accepts and never responds',
  purpose:
    'The server hangs, but its kernel acknowledges the request. Only the program itself can end the wait.',
  restsOnService: false,
  mayWait: true,
  async run(bench) {
    await bench.meet(async () => {});
    return bench.judge(await bench.reaction(), ADVICE, { isThere: true });
  },
};
