import { established } from '../opening.ts';
import type { BoxScenario } from '../scenario.ts';
import { forgetful, untilDropped, untilForgotten } from './forgetting.ts';

export const boxLostRst: BoxScenario = {
  id: 'box-lost-rst',
  title: 'a client resets a connection that a firewall has forgotten, and the RST is dropped',
  held: { host: 'server', state: 'ESTABLISHED' },
  peer: 'CLOSED',
  heldBy: 'the box drops the RST',
  conditions: ['forgotten-by-box', 'dropped-by-box'],
  waits: true,
  ours: { client: 'it must be idle until the box has forgotten the connection, and then reset it' },
  box: forgetful('drop'),
  async reach(stage) {
    const { connection, clientSocket } = await established(stage);
    await untilForgotten(stage, connection);
    await stage.client.abort(clientSocket);
    await untilDropped(stage);
    return connection;
  },
  about: {
    steps: [
      'The client connects through the box. Then both ends are idle for longer than the box remembers (here 2 s).',
      'The client aborts: it closes with SO_LINGER 0, or its process dies with unread data. Its kernel sends one RST.',
      'The box has no entry for the RST, and drops it. An RST is never retransmitted.',
    ],
    client: 'CLOSED.',
    server: 'ESTABLISHED, idle, without a timer.',
    tracked: 'ESTABLISHED [ASSURED] until the timeout; then there is no entry.',
    end: 'Only keepalive, or data that the server sends, ends the end of the server.',
    fix: 'Set keepalive or an idle timeout at the server.',
    remark:
      'To the server this looks like half-open, and the client did everything right. tcp_loose = 1 does not help here: no entry ' +
      'begins with an RST.',
  },
};
