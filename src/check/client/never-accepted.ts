import type { ClientBench } from '../client-bench.ts';
import type { Advice } from '../finding.ts';
import type { Probe } from '../probe.ts';

const ADVICE: Advice = {
  why: 'No TCP timer ends the wait, and a connect timeout does not help.',
  fix: 'Give the whole request a timeout, not only the connect.',
};

export const neverAccepted: Probe<ClientBench> = {
  id: 'never-accepted',
  title: "the connection stays in the server's accept queue",
  purpose:
    'A server that has stopped accepting looks healthy from outside: its kernel completes the handshake and even acknowledges the request.',
  restsOnService: false,
  mayWait: true,
  async run(bench) {
    await bench.listenOnly();
    await bench.start();
    return bench.judge(await bench.reaction(), ADVICE, { isThere: true });
  },
};
