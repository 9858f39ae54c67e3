import type { ClientBench } from '../client-bench.ts';
import type { Probe } from '../probe.ts';

export const unreachable: Probe<ClientBench> = {
  id: 'unreachable',
  title: 'a router reports host unreachable (ICMP)',
  why: "A router reports that the host can't be reached, and connect() fails with EHOSTUNREACH. If the ICMP error arrives while the connect() call is still executing, Linux only records it, and the next SYN, 1 s later, brings it again.",
  mend: 'Report EHOSTUNREACH, and try the next address if there is one.',
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
