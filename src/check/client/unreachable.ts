import type { ClientBench } from '../client-bench.ts';
import type { Advice } from '../finding.ts';
import type { Probe } from '../probe.ts';

const ADVICE: Advice = {
  why: 'connect() fails with EHOSTUNREACH. If the ICMP error arrives while the connect() call is still executing, Linux only records it, and the next SYN, 1 s later, brings it again.',
  fix: 'Report EHOSTUNREACH, and try the next address if there is one.',
};

export const unreachable: Probe<ClientBench> = {
  id: 'unreachable',
  title: 'a router reports host unreachable (ICMP)',
  purpose:
    "A router reports that the host can't be reached. The client should report that, or try the next address.",
  restsOnService: false,
  async run(bench) {
    await bench.listenOnly();
    await bench.lab.server.setRule({
      hook: 'in',
      destinationPort: bench.lab.serverPort,
      fate: 'reject with host unreachable',
    });
    await bench.start();
    return bench.judge(await bench.reaction(), ADVICE);
  },
};
