import { established, seen } from '../opening.ts';
import type { BoxScenario } from '../scenario.ts';
import { forgetful, untilDropped, untilForgotten } from './forgetting.ts';

export const boxForgotHalfClose: BoxScenario = {
  id: 'box-forgot-half-close',
  title: 'a firewall forgets a half-closed connection, and drops the late answer and the FIN of the server',
  held: { host: 'server', state: 'LAST-ACK' },
  peer: 'FIN-WAIT-2',
  heldBy: 'the box drops what it has no entry of',
  conditions: ['forgotten-by-box', 'dropped-by-box', 'retransmission-timer'],
  waits: true,
  ours: {
    client: 'it must shut down its sending side and wait',
    server: 'it must answer after the box has forgotten the connection',
  },
  box: forgetful('drop', ['close_wait', 'fin_wait']),
  async reach(stage) {
    const { connection, clientSocket, serverSocket } = await established(stage);
    await stage.client.shutdown(clientSocket);
    await seen(stage, connection, 'server', 'CLOSE-WAIT');
    await untilForgotten(stage, connection);
    await stage.server.send(serverSocket, Buffer.from('the answer'));
    await stage.server.close(serverSocket);
    await untilDropped(stage);
    return connection;
  },
  about: {
    steps: [
      'The client sends its FIN (shutdown) and waits for an answer. The server takes its time.',
      'A box gives a half-closed connection far less time than an open one: 60 s by default (here 2 s).',
      'The server answers and closes. The box has no entry any more, and drops the answer and the FIN.',
    ],
    client: 'FIN-WAIT-2, with its descriptor open: no timer runs, and recv() waits forever.',
    server: 'LAST-ACK, without a process, with the answer and the FIN in Send-Q: it retransmits.',
    tracked:
      'CLOSE_WAIT until the timeout, although the client is in FIN-WAIT-2: the word does not say whose FIN it saw. Then ' +
      'there is no entry.',
    end:
      'The server gives up after tcp_orphan_retries (8 by default). For the client nothing ends it, unless it has a timeout ' +
      'of its own.',
    fix:
      'Do not half-close before an answer that takes long, or raise net.netfilter.nf_conntrack_tcp_timeout_close_wait at ' +
      'the box. Give the client a timeout for reads.',
    remark: 'The answer is lost, and the server is not told: its send() and close() succeeded.',
  },
};
