import type { ClientBench } from '../client-bench.ts';
import type { Probe } from '../probe.ts';

export const synDropped: Probe<ClientBench> = {
  id: 'syn-dropped',
  title: 'its SYNs are dropped on the way',
  why:
    'A firewall, a host that is down: nothing comes back. The kernel tries for two minutes and more, and whoever waits for ' +
    'the program waits as long.',
  mend: 'Give connect a deadline (curl --connect-timeout, wget --connect-timeout, AbortSignal.timeout), seconds, not minutes.',
  async run(bench) {
    await bench.listen();
    await bench.lab.server.setRule({ hook: 'in', destinationPort: bench.lab.serverPort, fate: 'drop' });
    await bench.start();
    return bench.judge(await bench.reaction());
  },
};
