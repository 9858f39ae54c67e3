import { connecting, established } from '../opening.ts';
import type { BoxScenario } from '../scenario.ts';
import { untilDropped } from './forgetting.ts';

export const boxConnectionLimit: BoxScenario = {
  id: 'box-connection-limit',
  title: 'a firewall has as many connections as it may, and drops the SYN of the next',
  held: { host: 'client', state: 'SYN-SENT' },
  peer: 'LISTEN',
  heldBy: 'the box drops the SYN',
  conditions: ['dropped-by-box', 'retransmission-timer'],
  ours: {
    client: 'it must open one connection more than the box takes',
    server: 'it must accept only the first connection',
  },
  box: {
    rules: [{ chain: 'forward', match: 'meta l4proto tcp ct state new ct count over 1', does: 'drop' }],
  },
  async reach(stage) {
    await established(stage);
    const { connection } = await connecting(stage);
    await untilDropped(stage);
    return connection;
  },
  about: {
    steps: [
      'The box lets one connection pass, and it exists. A table that is full (nf_conntrack_max) does the same.',
      'The client opens another. The box drops its SYN, and tells nobody.',
    ],
    client: 'SYN-SENT: it retransmits the SYN.',
    server: 'LISTEN: it has no such connection. Its first one is ESTABLISHED.',
    tracked: 'Nothing for this connection.',
    end: 'connect() fails with ETIMEDOUT after tcp_syn_retries, about 2 min by default.',
    fix:
      'Raise the limit of the box, or shorten its timeouts: entries of closed connections count for another 2 min ' +
      '(nf_conntrack_tcp_timeout_time_wait). Give connect() a timeout.',
    remark: 'From both ends this looks like a server that is down, while connections that exist work.',
  },
};
