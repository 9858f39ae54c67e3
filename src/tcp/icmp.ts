import type { Moment } from './known.ts';
import { withoutRequest } from './minisocks.ts';
import { end, type Possibility, withDoubt } from './possibility.ts';
import type { IcmpError } from './segment.ts';
import { seqDistance } from './sequence.ts';

/** A connect() returns soon after its SYN, if it does not wait for the answer; a socket that sleeps is not held. */
const CONNECT_MS = 20;

/**
 * An error while opening ends it, whichever its code; later it is only a hint (RFC 9293, 3.9.2.2; net/ipv4/tcp_ipv4.c, tcp_v4_err).
 * It must quote what we sent.
 */
export function receiveIcmp(socket: Possibility, error: IcmpError, at: Moment): Possibility[] {
  const { seq } = error.quoted;
  const isOurs = seqDistance(seq, socket.acknowledged) >= 0 && seqDistance(seq, socket.sendNext) <= 0;
  const isRequest = socket.state === 'SYN-RECEIVED' && socket.passive && !socket.fastOpen;
  if (isRequest)
    return seq === socket.initialSent && removesRequest(error)
      ? withoutRequest(socket, 'ICMP unreachable', at)
      : [socket];
  const isOpening = socket.state === 'SYN-SENT' || (socket.state === 'SYN-RECEIVED' && !socket.passive);
  if (!isOpening || !isOurs || isAboutSize(error) || at.known.inConnect === true) return [socket];
  const closed = end(socket, 'ICMP unreachable', at.atMs);
  // While a call holds the socket the error is only noted.
  const isHeld = at.known.inConnect === null && at.atMs - socket.sinceMs < CONNECT_MS;
  return isHeld ? [closed, withDoubt(socket, 'ICMP ignored')] : [closed];
}

function isIpv4({ type }: IcmpError): boolean {
  return type === 3;
}

/** Fragmentation needed, or packet too big: it sets the path's MTU. */
function isAboutSize(error: IcmpError): boolean {
  return isIpv4(error) ? error.code === 4 : error.type === 2;
}

/** The codes for which tcp_req_err removes the request. */
function removesRequest(error: IcmpError): boolean {
  return isIpv4(error) ? error.code <= 1 : error.type === 1 && [1, 4, 5, 6].includes(error.code);
}
