import { established } from '../opening.ts';
import type { BoxScenario } from '../scenario.ts';
import { forgetful, untilDropped, untilForgotten } from './forgetting.ts';

export const boxForgotIcmp: BoxScenario = {
  id: 'box-forgot-icmp',
  title: 'a firewall forgets an idle connection and answers with ICMP, which does not end it',
  held: { host: 'client', state: 'ESTABLISHED' },
  peer: 'ESTABLISHED',
  heldBy: 'ICMP is only a hint to an ESTABLISHED connection',
  conditions: ['forgotten-by-box', 'dropped-by-box', 'retransmission-timer'],
  waits: true,
  ours: { client: 'it must be idle until the box has forgotten the connection' },
  box: forgetful('icmp'),
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
      'The client sends. The box has no entry for the segment, and answers "administratively prohibited".',
    ],
    client: 'ESTABLISHED, with its data in Send-Q: it retransmits, and gets an ICMP error each time.',
    server: 'ESTABLISHED, idle, without a timer.',
    tracked: 'ESTABLISHED [ASSURED] until the timeout; then there is no entry.',
    end:
      'As with box-forgot-silent, after tcp_retries2 retransmissions. The ICMP error only chooses the errno: EHOSTUNREACH ' +
      'in place of ETIMEDOUT. The server stays in ESTABLISHED forever.',
    fix: 'Set keepalive at both ends, shorter than the timeout of the box, and TCP_USER_TIMEOUT.',
    remark: 'An ICMP error ends a connection only before it is established (RFC 1122, 4.2.3.9; RFC 5461).',
  },
};
