import { connect, ctrlC, endPython, endWatch, python, watch } from './by-hand/steps.ts';
import { connecting, listening } from './opening.ts';
import type { CatalogueScenario } from './scenario.ts';

/** With TCP_DEFER_ACCEPT the kernel drops the final ACK and waits for data (tcp_minisocks.c, tcp_check_req). */
export const synReceivedDeferred: CatalogueScenario = {
  id: 'syn-received-deferred',
  title: 'a client connects and sends nothing, and the server defers the connection until data arrives',
  held: { host: 'server', state: 'SYN-RECEIVED' },
  peer: 'ESTABLISHED',
  heldBy: 'TCP_DEFER_ACCEPT of the server',
  conditions: ['accept-deferred'],
  ours: { client: 'it must send nothing', server: 'it must set TCP_DEFER_ACCEPT' },
  async reach(stage) {
    await listening(stage, { deferS: 30 });
    return (await connecting(stage)).connection;
  },
  explanation: {
    steps: [
      'The server sets TCP_DEFER_ACCEPT to 30 s and listens.',
      'The client connects and sends no data. The kernel drops the final ACK, because it carries none.',
    ],
    rules: [],
    peer: 'The client is ESTABLISHED, and the server has nothing to accept.',
    remark:
      'Apache sets this option by default. Data from the client completes the handshake at once. Without data, the kernel ' +
      'retransmits the SYN-ACK near the end of the 30 s, and the bare ACK to that completes the handshake.',
  },
  byHand: {
    steps: [
      watch('server'),
      ...python('server', [
        { type: 'from socket import *' },
        { type: 's = socket()' },
        { type: 's.setsockopt(IPPROTO_TCP, TCP_DEFER_ACCEPT, 30)' },
        { type: 's.bind(("", 80))' },
        { type: 's.listen()', see: { server: ['LISTEN'] } },
      ]),
      {
        ...connect,
        see: {
          client: ['ESTABLISHED'],
          server: ['LISTEN', 'SYN-RECEIVED'],
          at: { 'server/tcpdump': ['192.168.2.10.…Flags [.]'] },
        },
        note: 'the final ACK has arrived, and the kernel waits for data',
      },
    ],
    cleanUp: [ctrlC('client', 'nc'), endPython('server'), endWatch('server')],
  },
  crowd: 'its listener waits for data for some seconds only; use syn-received',
  sabotage: {
    rules: null,
    call: {
      what: 'the client sends',
      act: ({ client }) => client.send(1, Buffer.from('hello')),
      seen: /^socket-table of server: saw SYN-RECEIVED, then ESTABLISHED/,
    },
    condition: {
      act: ({ server }) => server.setOption(1, 'TCP_DEFER_ACCEPT', 0),
      seen: /^the listener of the server does not defer /,
    },
  },
};
