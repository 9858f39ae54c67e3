import { connecting, listening, seen } from '../opening.ts';
import type { BoxScenario } from '../scenario.ts';
import { NOT_TRACKED, untilDropped } from './forgetting.ts';

export const boxOneDirection: BoxScenario = {
  id: 'box-one-direction',
  title: 'a firewall tracks only one direction, so connect() succeeds and the server never gets its ACK',
  held: { host: 'client', state: 'ESTABLISHED' },
  peer: 'SYN-RECEIVED',
  heldBy: 'the box drops an ACK whose SYN-ACK it did not track',
  conditions: ['dropped-by-box'],
  box: {
    rules: [
      { chain: 'prerouting', match: 'iifname "eth1" meta l4proto tcp', does: 'notrack' },
      { chain: 'forward', match: NOT_TRACKED, does: 'drop' },
    ],
    conntrack: { tcp_loose: 0 },
  },
  ours: { server: 'it must not know of the connection' },
  async reach(stage) {
    await listening(stage);
    const { connection } = await connecting(stage);
    await seen(stage, connection, 'client', 'ESTABLISHED');
    await untilDropped(stage);
    return connection;
  },
  about: {
    steps: [
      'The routes are asymmetric: the box tracks what the client sends, but not the answers of the server. Here a rule ' +
        'leaves those out (notrack).',
      'The SYN passes, and the SYN-ACK comes another way. The client is ESTABLISHED, and connect() succeeds.',
      'The ACK of the client acknowledges what the box never saw. The box finds it invalid and drops it.',
    ],
    client: 'ESTABLISHED. What it sends is dropped as well.',
    server: 'SYN-RECEIVED: it retransmits its SYN-ACK, and accept() returns nothing.',
    tracked: 'SYN_SENT [UNREPLIED].',
    end:
      'The server gives up after tcp_synack_retries, about 1 min by default. A client that sends gives up after tcp_retries2; ' +
      'one that waits for the server to speak first stays in ESTABLISHED forever.',
    fix: 'Route both directions through the same box, or let the boxes share their entries (conntrackd).',
    remark: 'A successful connect() proves only that a SYN-ACK arrived.',
  },
};
