import type { HostName } from '../evidence/events.ts';
import type { Run } from './by-hand/by-hand.ts';
import { endPython, endWatch, python, serve, watch } from './by-hand/steps.ts';
import { connecting, listening } from './opening.ts';
import { call } from './sabotage.ts';
import type { CatalogueScenario } from './scenario.ts';

/** The client and server use TCP Fast Open without cookies, and without an option (tcp_fastopen in ip-sysctl.rst). */
const CLIENT_WITHOUT_COOKIE = 0x1 | 0x4;
const SERVER_WITHOUT_COOKIE = 0x2 | 0x200 | 0x400;

/** The SYN carries data, which the server's program reads before the handshake is complete (RFC 7413). */
export const establishedFastOpen: CatalogueScenario = {
  id: 'established-fast-open',
  title: "a client's SYN carries data, and the server accepts it (TCP Fast Open)",
  held: { host: 'client', state: 'ESTABLISHED' },
  peer: 'ESTABLISHED',
  heldBy: 'neither end closes',
  conditions: ['data-on-syn'],
  ours: { client: 'it must send data with its SYN' },
  async reach(stage) {
    await stage.client.writeSysctl('net.ipv4.tcp_fastopen', CLIENT_WITHOUT_COOKIE);
    await stage.server.writeSysctl('net.ipv4.tcp_fastopen', SERVER_WITHOUT_COOKIE);
    const listener = await listening(stage);
    // connect() then only notes the destination, and the first send() sends the SYN (tcp(7)).
    const { connection, clientSocket } = await connecting(stage, { options: { TCP_FASTOPEN_CONNECT: 1 } });
    await stage.client.send(clientSocket, Buffer.from('ping'));
    const accepted = await stage.waitFor({ failure: 'the server did not accept a connection' }, () =>
      stage.server.accept(listener),
    );
    await stage.waitFor({ failure: 'the server did not receive the data' }, () =>
      stage.server.receive(accepted),
    );
    return connection;
  },
  explanation: {
    steps: [
      'Both hosts allow TCP Fast Open without a cookie (net.ipv4.tcp_fastopen).',
      'The server listens. The client connects with data, and its SYN carries it.',
      "The server's program accepts and reads the data.",
    ],
    rules: [],
    peer: 'The server is ESTABLISHED too. It could read the data before the final ACK arrived.',
    remark:
      'RFC 7413. The SYN-ACK acknowledges the data as well. On the internet a cookie is needed first, and many middleboxes ' +
      'drop a SYN with data: Linux then retransmits a plain SYN.',
  },
  byHand: {
    steps: [
      fastOpen('client', 5),
      fastOpen('server', 1538),
      watch('server'),
      serve,
      ...python('client', [
        { type: 'from socket import *' },
        { type: 'c = socket()' },
        {
          type: 'c.sendto(b"ping", MSG_FASTOPEN, ("192.168.2.11", 80))',
          see: {
            client: ['ESTABLISHED'],
            server: ['LISTEN', 'ESTABLISHED'],
            at: { 'server/tcpdump': ['Flags [S]…length 4'], 'server/nc': ['ping'] },
          },
          note: 'the SYN carries the data',
        },
      ]),
    ],
    cleanUp: [endPython('client'), endWatch('server'), fastOpen('client', 1), fastOpen('server', 1)],
  },
  crowd: 'the socket table shows it as ESTABLISHED, like every other connection',
  sabotage: {
    rules: null,
    call: call('client', 'close', 1, /^socket-table of client: saw ESTABLISHED, then FIN-WAIT-[12]/),
    condition: 'the SYN is over before the hold begins',
  },
};

/** Bits: 1 a client, 2 a server, 4 a client without a cookie, 0x200 and 0x400 a server without cookie and option. */
function fastOpen(on: HostName, bits: number): Run {
  return {
    on,
    run: `sysctl -w net.ipv4.tcp_fastopen=${bits}`,
    see: { prints: [`tcp_fastopen = ${bits}`] },
  };
}
