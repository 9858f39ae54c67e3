import { type Connection, endOf } from '../evidence/connection.ts';
import { stateInTable } from '../evidence/witness/socket-table.ts';
import { SERVER_PORT } from '../lab/addresses.ts';
import type { Run } from './by-hand/by-hand.ts';
import { ctrlC, endPython, endWatch, python, watch } from './by-hand/steps.ts';
import { craftSyn } from './crafted.ts';
import { connecting, listening } from './opening.ts';
import type { CatalogueScenario } from './scenario.ts';
import type { Stage } from './stage.ts';

const SYNS = 10;
const BACKLOG = 4;

/** Of the recipe's SYN queue; how many requests it holds depends on the kernel. */
const PENDING = ['SYN-RECEIVED', '…'] as const;

/** SYNs whose final ACK never arrives (RFC 4987), and what a legitimate client gets, with SYN cookies and without. */
export const synFlood: CatalogueScenario = {
  id: 'syn-flood',
  title: 'many SYNs arrive, and none of their final ACKs',
  held: { host: 'server', state: 'SYN-RECEIVED' },
  peer: 'CLOSED',
  heldBy: 'client drops its RSTs',
  conditions: [],
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
      await craftSyn(client, connection.client, connection.server);
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
  explanation: {
    steps: [
      'The server listens with a small backlog and without syncookies.',
      'A rule on the client drops the RSTs with which its kernel would answer unexpected SYN-ACKs.',
      'The client sends crafted SYNs from many ports. The final ACKs never arrive.',
      'A legitimate client connects, first without and then with syncookies.',
    ],
    rules: [
      { host: 'client', rule: { hook: 'out', destinationPort: SERVER_PORT, flags: 'R', fate: 'drop' } },
    ],
    peer: 'The flood has no sockets. The legitimate client is in SYN-SENT without syncookies, and ESTABLISHED with them.',
    remark:
      'RFC 4987. With syncookies the server keeps nothing for a SYN that finds the queue full. It has no row until the ' +
      'ACK brings the cookie back.',
  },
  byHand: {
    steps: [
      watch('client'),
      {
        on: 'server',
        run: 'sysctl -w net.ipv4.tcp_syncookies=0',
        see: { prints: ['tcp_syncookies = 0'] },
      },
      ...python('server', [
        { type: 'from socket import *' },
        { type: 's = create_server(("", 80), backlog=3)', see: { server: ['LISTEN'] } },
      ]),
      flooded('-A'),
      {
        on: 'client',
        run: 'for i in $(seq 8); do nc -zw1 -p 400$i 192.168.2.11 80 & done',
        see: { client: [], server: ['LISTEN', ...PENDING] },
        note: 'each nc gives up after 1 s; the SYN queue holds as many requests as the backlog, or one more',
      },
      {
        on: 'client',
        terminal: 'nc',
        run: 'nc 192.168.2.11 80',
        see: { client: ['SYN-SENT'], server: ['LISTEN', ...PENDING] },
        note: 'a legitimate client finds the queue full',
      },
      {
        on: 'server',
        run: 'sysctl -w net.ipv4.tcp_syncookies=1',
        see: {
          client: ['ESTABLISHED'],
          server: ['LISTEN', 'ESTABLISHED', ...PENDING],
        },
        note: 'its next SYN, 1 s later, is answered with a syncookie and needs no space in the queue',
      },
    ],
    cleanUp: [ctrlC('client', 'nc'), endPython('server'), flooded('-D'), endWatch('client')],
  },
  crowd: 'it already is many connections, against a backlog that is too small; use syn-received',
  sabotage: {
    rules: { unset: /; socket-table saw server CLOSED, client CLOSED/, removed: 'CLOSED' },
    call: 'no program holds a socket that could change it',
    condition: null,
  },
};

/** The state that a real client has right after its connect. */
async function legitimateClient(stage: Stage): Promise<string> {
  const { connection } = await connecting(stage);
  const { client } = await stage.observe();
  return stateInTable(client, endOf(connection, 'client', 'ESTABLISHED'));
}

/** Drops the SYN-ACKs to these ports before the client's TCP, which would answer with ACK or RST. */
function flooded(command: '-A' | '-D'): Run {
  return { on: 'client', run: `iptables ${command} INPUT -p tcp --sport 80 --dport 4001:4008 -j DROP` };
}
