import { seqAdd } from '../../tcp/sequence.ts';
import { deafen, serverInSynReceived } from '../inside.ts';
import { knock } from '../knock.ts';
import { seen } from '../opening.ts';
import type { Scenario } from '../scenario.ts';

/** The server replies with RST, and keeps its listener (RFC 9293, 3.10.7.4, fourth). */
export const synReceivedSyn: Scenario = {
  id: 'syn-received-syn',
  title: "another SYN in its window ends the server's pending handshake",
  held: { host: 'server', state: 'LISTEN' },
  peer: 'CLOSED',
  heldBy: 'the server listens',
  arcs: { server: [50] },
  async reach(stage) {
    const rule = await deafen(stage, 'client');
    const connection = await serverInSynReceived(stage);
    const { client: source, server: destination } = connection;
    const { receiveNext } = await stage.fold(connection, 'server');
    const seq = seqAdd(receiveNext, 100);
    await stage.client.sendSegment({ source, destination, seq, ack: null, flags: 'S', window: 64240 });
    await seen(stage, connection, 'server', 'LISTEN');
    // What the client's kernel replies to the next SYN-ACK leaves the server in LISTEN.
    await stage.client.liftRule(rule);
    return connection;
  },
  show: (stage, { client, server }) => knock(stage.client, client, server),
};
