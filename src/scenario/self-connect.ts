import type { Scenario } from './scenario.ts';

/** The SYN meets its own sender: a simultaneous open (RFC 9293, 3.5) whose two ends are one socket. */
export const selfConnect: Scenario = {
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
};
