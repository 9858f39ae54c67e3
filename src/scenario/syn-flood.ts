import { type Connection, endOf } from '../evidence/connection.ts';
import { stateInTable } from '../evidence/witness/socket-table.ts';
import { knock } from './knock.ts';
import { connecting, listening } from './opening.ts';
import type { Scenario, Stage } from './scenario.ts';

const SYNS = 10;
const BACKLOG = 4;

/** SYNs whose final ACK never comes (RFC 4987), and what a client gets that means it, with syncookies and without. */
export const synFlood: Scenario = {
  id: 'syn-flood',
  title: 'many SYNs arrive, and none of their final ACKs',
  held: { host: 'server', state: 'SYN-RECEIVED' },
  peer: 'CLOSED',
  heldBy: 'client drops its RSTs',
  ours: { client: 'tcplab must craft its SYNs', server: 'tcplab must set its backlog' },
  async reach(stage) {
    const { client, server } = stage;
    await server.writeSysctl('net.ipv4.tcp_syncookies', 0);
    await listening(stage, { backlog: BACKLOG });
    // The client's kernel knows nothing of these SYNs, and would end each by an RST.
    await client.setRule({ hook: 'out', destinationPort: stage.serverPort, flags: 'R', fate: 'drop' });
    const flood: Connection[] = [];
    for (let sent = 0; sent < SYNS; sent++) {
      const connection = { client: stage.nextClientEndpoint(), server: stage.serverEndpoint() };
      await knock(client, connection.client, connection.server);
      flood.push(connection);
    }
    const { server: rows } = await stage.observe();
    const half = rows.filter(({ state }) => state === 'SYN-RECEIVED').length;
    stage.note(`${SYNS} SYNs, backlog ${BACKLOG}, no syncookies: ${half} rows in SYN-RECEIVED`);
    stage.note(`without syncookies a legitimate client is in ${await legitimateClient(stage)}`);
    await server.writeSysctl('net.ipv4.tcp_syncookies', 1);
    stage.note(`with syncookies it is in ${await legitimateClient(stage)}`);
    return flood[0] as Connection;
  },
};

/** The state that a real client has right after its connect. */
async function legitimateClient(stage: Stage): Promise<string> {
  const { connection } = await connecting(stage);
  const { client } = await stage.observe();
  return stateInTable(client, endOf(connection, 'client', 'ESTABLISHED'));
}
