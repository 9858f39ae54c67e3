import type { ClientBench } from '../client-bench.ts';
import type { Probe } from '../probe.ts';

export const unreachable: Probe<ClientBench> = {
  id: 'unreachable',
  title: 'a router answers its SYN by ICMP: host unreachable',
  why: 'The network says that it can’t. Linux takes it for a hint while connect() goes on; EHOSTUNREACH ends it.',
  mend: 'Report EHOSTUNREACH as what it is, and try the next address if there is one.',
  async run(bench) {
    await bench.listen();
    await bench.lab.server.setRule({
      hook: 'in',
      destinationPort: bench.lab.serverPort,
      fate: 'reject with host unreachable',
    });
    await bench.start();
    return bench.judge(await bench.reaction());
  },
};
