import type { ClientBench } from '../client-bench.ts';
import type { Advice } from '../finding.ts';
import type { Probe } from '../probe.ts';

const ADVICE: Advice = {
  why: 'The kernel retransmits the SYN for about two minutes by default (tcp_syn_retries), and the caller waits as long.',
  fix: 'Set a connect timeout of seconds, not minutes (curl --connect-timeout, wget --connect-timeout, AbortSignal.timeout).',
};

export const synDropped: Probe<ClientBench> = {
  id: 'syn-dropped',
  title: "the client's SYNs are dropped",
  purpose:
    'A firewall that drops packets, or a host that is down, sends no reply. The client should not wait for minutes.',
  restsOnService: false,
  mayWait: true,
  async run(bench) {
    await bench.listenOnly();
    await bench.lab.server.setRule({ hook: 'in', destinationPort: bench.lab.serverPort, fate: 'drop' });
    await bench.start();
    return bench.judge(await bench.reaction(), ADVICE);
  },
};
