import { established } from '../opening.ts';
import type { BoxScenario } from '../scenario.ts';
import { forgetful, untilDropped, untilForgotten } from './forgetting.ts';

export const boxForgotRst: BoxScenario = {
  id: 'box-forgot-rst',
  title:
    'a firewall forgets an idle connection, and answers the client with an RST that the server never gets',
  held: { host: 'server', state: 'ESTABLISHED' },
  peer: 'CLOSED',
  heldBy: 'the box resets only the end that sends',
  conditions: ['forgotten-by-box', 'dropped-by-box'],
  waits: true,
  ours: { client: 'it must be idle until the box has forgotten the connection' },
  box: forgetful('reset'),
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
      'The client sends. The box has no entry for the segment, and rejects it with an RST in the name of the server.',
    ],
    client: 'CLOSED: its next call fails with ECONNRESET, although the server reset nothing.',
    server: 'ESTABLISHED, idle, without a timer. It knows nothing of it.',
    tracked: 'ESTABLISHED [ASSURED] until the timeout; then there is no entry.',
    end:
      'Nothing ends the end of the server, unless it sends (then the box resets it as well) or has keepalive on. A server ' +
      'that only waits for requests collects such connections.',
    fix:
      'At the server, set keepalive or an idle timeout shorter than that of the box. At the client, retry a request on a ' +
      'new connection if a reused one is reset before the first byte of an answer.',
    remark:
      'A capture at the client shows an RST from the address of the server. Its TTL, and a capture at the server without ' +
      'it, show that the server did not send it.',
  },
};
