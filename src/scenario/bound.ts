import { knock } from './knock.ts';
import type { Scenario } from './scenario.ts';

/** To the RFC there is no connection yet; Linux lists such a socket when asked for it (6.8, state bit 13). */
export const bound: Scenario = {
  id: 'bound',
  title: 'a client binds a port and does not connect',
  held: { host: 'client', state: 'CLOSED' },
  peer: 'CLOSED',
  heldBy: 'the client never connects',
  conditions: ['bound'],
  ours: { client: 'it must not connect', server: 'no program may listen' },
  async reach(stage) {
    const connection = { client: stage.nextClientEndpoint(), server: stage.serverEndpoint() };
    const socket = await stage.client.openSocket();
    await stage.client.bind(socket, connection.client);
    const { client: rows } = await stage.observe();
    const listed = rows.some(({ local }) => local.port === connection.client.port);
    stage.note(`this kernel ${listed ? 'lists' : 'does not list'} a socket that is only bound`);
    return connection;
  },
  /** The SYN is answered with RST. */
  show: (stage, { client, server }) => knock(stage.server, server, client),
};
