import type { Host } from '../lab/host.ts';
import type { Endpoint } from '../tcp/endpoint.ts';

/**
 * Sends a SYN from one end to the other, past the sender's TCP. What comes back tells the other end's state apart:
 * SYN-ACK from a listener, RST from an end that is CLOSED, an ACK from a connection (RFC 9293, 3.10.7).
 */
export async function knock(from: Host, source: Endpoint, destination: Endpoint): Promise<void> {
  const seq = Math.floor(Math.random() * 2 ** 32);
  await from.sendSegment({ source, destination, seq, ack: null, flags: 'S', window: 64240 });
}
