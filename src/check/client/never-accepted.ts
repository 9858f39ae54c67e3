import type { ClientBench } from '../client-bench.ts';
import type { Probe } from '../probe.ts';

export const neverAccepted: Probe<ClientBench> = {
  id: 'never-accepted',
  title: "the connection stays in the server's accept queue",
  why: 'A server that has stopped accepting looks healthy from outside: its kernel completes the handshake and even acknowledges the request. A connect timeout does not help.',
  mend: 'Give the whole request a timeout, not only the connect.',
  async run(bench) {
    await bench.listen();
    await bench.start();
    return bench.judge(await bench.reaction(), { isThere: true });
  },
};
