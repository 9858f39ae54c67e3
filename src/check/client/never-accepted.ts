import type { ClientBench } from '../client-bench.ts';
import type { Probe } from '../probe.ts';

export const neverAccepted: Probe<ClientBench> = {
  id: 'never-accepted',
  title: 'its connection stands, and waits in the server’s accept queue',
  why:
    'A server that has stopped to accept looks well from outside: the kernel shakes hands, and even acknowledges the ' +
    'request. A deadline for connecting does not help.',
  mend: 'Give the whole request a deadline, not the connect alone.',
  async run(bench) {
    await bench.listen();
    await bench.start();
    return bench.judge(await bench.reaction(), { isThere: true });
  },
};
