import { deafen, timeOut } from '../inside.ts';
import { knock } from '../knock.ts';
import { established } from '../opening.ts';
import type { Scenario } from '../scenario.ts';

export const establishedUserTimeout: Scenario = {
  id: 'established-user-timeout',
  title: "the server acknowledges nothing before the client's user timeout is over",
  held: { host: 'client', state: 'CLOSED' },
  peer: 'ESTABLISHED',
  heldBy: 'server drops in',
  arcs: { client: [57] },
  async reach(stage) {
    const { connection, clientSocket: socket } = await established(stage);
    await deafen(stage, 'server');
    await stage.client.send(socket, Buffer.from('ping'));
    await timeOut(stage, 'client', { connection, socket });
    return connection;
  },
  show: (stage, { client, server }) => knock(stage.server, server, client),
};
