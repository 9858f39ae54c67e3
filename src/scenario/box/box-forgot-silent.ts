import { established } from '../opening.ts';
import type { BoxScenario } from '../scenario.ts';
import { forgetful, untilDropped, untilForgotten } from './forgetting.ts';

export const boxForgotSilent: BoxScenario = {
  id: 'box-forgot-silent',
  title: 'a firewall forgets an idle connection, and silently drops what the client then sends',
  held: { host: 'client', state: 'ESTABLISHED' },
  peer: 'ESTABLISHED',
  heldBy: 'the box drops what it has no entry of',
  conditions: ['forgotten-by-box', 'dropped-by-box', 'retransmission-timer'],
  waits: true,
  ours: { client: 'it must be idle until the box has forgotten the connection' },
  box: forgetful('drop'),
  async reach(stage) {
    const { connection, clientSocket } = await established(stage);
    await untilForgotten(stage, connection);
    await stage.client.send(clientSocket, Buffer.from('hello'));
    await untilDropped(stage);
    return connection;
  },
  about: {
    steps: [
      'The client connects through the box. Then both ends are idle for longer than the box remembers (here 2 s).',
      'The box removes its entry. It tells neither end.',
      'The client sends. The box has no entry for the segment, finds it invalid and drops it.',
    ],
    client: 'ESTABLISHED, with its data in Send-Q: it retransmits.',
    server: 'ESTABLISHED, idle, without a timer. It has received nothing.',
    tracked: 'ESTABLISHED [ASSURED] until the timeout; then there is no entry.',
    end:
      'The client gives up with ETIMEDOUT after tcp_retries2 retransmissions, about 15 min by default (TCP_USER_TIMEOUT ' +
      'shortens that). The server stays in ESTABLISHED forever, unless it sends or has keepalive on.',
    fix:
      'Set keepalive at both ends, with a TCP_KEEPIDLE shorter than the timeout of the box (net.netfilter.' +
      'nf_conntrack_tcp_timeout_established there; many clouds use 350 s or less). Its probes refresh the entry. Set ' +
      'TCP_USER_TIMEOUT, so that an end that sends notices in seconds.',
    remark:
      'With tcp_loose = 1, the default of Linux, the box makes a new entry from the middle of the connection, and nobody ' +
      'notices anything. Boxes that were made for security do not.',
  },
};
