import { connecting, listening } from './opening.ts';
import type { Scenario } from './scenario.ts';

/** The client and server use TCP Fast Open without cookies, and without an option (tcp_fastopen in ip-sysctl.rst). */
const CLIENT_WITHOUT_COOKIE = 0x1 | 0x4;
const SERVER_WITHOUT_COOKIE = 0x2 | 0x200 | 0x400;

/** The SYN carries data, which the server's program reads before the handshake is complete (RFC 7413). */
export const establishedFastOpen: Scenario = {
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
};
