import { ctrlC, endWatch, watch } from './by-hand/steps.ts';
import type { CatalogueScenario } from './scenario.ts';

/** The SYN arrives at its own sender: a simultaneous open (RFC 9293, 3.5) whose two ends are one socket. */
export const selfConnect: CatalogueScenario = {
  id: 'self-connect',
  title: 'a client connects to its own address and port, and becomes its own peer',
  held: { host: 'client', state: 'ESTABLISHED' },
  peer: 'ESTABLISHED',
  heldBy: 'the client does not close',
  conditions: ['own-peer'],
  ours: { client: 'it must connect to its own port', server: 'the client is both ends' },
  async reach(stage) {
    const { client } = stage;
    await client.watchLoopback();
    const end = stage.nextClientEndpoint();
    const socket = await client.openSocket();
    await client.bind(socket, end);
    await client.connect(socket, end);
    return { client: end, server: end };
  },
  explanation: {
    steps: [
      'The client binds a port and connects to the same port of its own address. There is no listener.',
      'The SYN passes the loopback interface and reaches the socket that sent it: a simultaneous open.',
      'The socket answers its own SYN with SYN-ACK, which also acknowledges its SYN.',
    ],
    rules: [],
    peer: 'The socket is its own peer: what it sends, it also receives. The server has no part in it.',
    remark:
      'RFC 9293, 3.5. A program that repeatedly connects to a port of its own host can connect to itself: without a listener, ' +
      'the kernel may choose that very port as the local one. connect() then succeeds, and the server can no longer bind ' +
      'the port. To avoid this, choose a port outside ip_local_port_range, or add it to ip_local_reserved_ports.',
  },
  byHand: {
    steps: [
      { ...watch('client'), run: 'tcpdump -ni any tcp port 4000' },
      {
        on: 'client',
        terminal: 'nc',
        run: 'nc -p 4000 192.168.2.10 4000',
        see: {
          client: ['ESTABLISHED'],
          server: [],
          at: { 'client/tcpdump': ['Flags [S]', 'Flags [S.]', 'Flags [.]'] },
        },
        note: 'there is no listener: the SYN reaches the socket that sent it',
      },
      {
        on: 'client',
        terminal: 'nc',
        type: 'hello',
        see: { at: { 'client/nc': ['hello', 'hello'] } },
        note: 'nc prints what it sent: its socket is its own peer',
      },
    ],
    cleanUp: [
      ctrlC(
        'client',
        'nc',
        { client: ['TIME-WAIT'], server: [] },
        'its FIN reaches itself too: a simultaneous close',
      ),
      endWatch('client'),
    ],
  },
  crowd: 'each would connect to a port of its own; use established',
  sabotage: {
    rules: null,
    call: {
      what: 'the client closes: its FIN reaches itself',
      act: ({ client }) => client.close(1),
      seen: /^socket-table of client: saw ESTABLISHED, then (FIN-WAIT-1|CLOSING|TIME-WAIT)/,
    },
    condition: 'a connection keeps its two ends',
  },
};
