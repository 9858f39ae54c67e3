import { seqAdd } from '../../tcp/sequence.ts';
import { deafen } from '../inside.ts';
import { established, seen } from '../opening.ts';
import type { Scenario } from '../scenario.ts';

/** Of an orphan's FIN-WAIT-2 only: with a descriptor, Linux sends a challenge ACK (RFC 5961, 4.2). */
export const finWait2Syn: Scenario = {
  id: 'fin-wait-2-syn',
  title: 'a client has closed, and a SYN from the same server port ends its FIN-WAIT-2',
  held: { host: 'client', state: 'CLOSED' },
  peer: 'CLOSE-WAIT',
  heldBy: 'the server never closes',
  arcs: { client: [63] },
  async reach(stage) {
    const { connection, clientSocket } = await established(stage);
    await stage.client.close(clientSocket);
    await seen(stage, connection, 'client', 'FIN-WAIT-2');
    await deafen(stage, 'server');
    const { client: destination, server: source } = connection;
    const { sendNext } = await stage.fold(connection, 'server');
    const seq = seqAdd(sendNext, 100);
    await stage.server.sendSegment({ source, destination, seq, ack: null, flags: 'S', window: 64240 });
    return connection;
  },
};
