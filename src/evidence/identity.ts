import { headersOf, identityOf, packetLength } from '../tcp/segment.ts';

/** A cache, because many computations use each packet's identity. */
const identities = new WeakMap<{ bytes: string }, string>();

/** Longer packets are compared by their headers: captures and logs truncate them at different lengths. */
const LONGEST_WHOLE = 2048;

/** The same wherever the packet is seen, and different for any other packet that a host sends at that time. */
export function identityOfEvent(event: { bytes: string }): string {
  return known(identities, event, () => {
    const start = Buffer.from(event.bytes.slice(0, HEADERS_BASE64), 'base64');
    const headers = packetLength(start) > LONGEST_WHOLE ? headersOf(start) : undefined;
    return identityOf(headers ?? Buffer.from(event.bytes, 'base64'));
  });
}

/** Whether both are of one packet. Where no router has changed it, that costs one comparison. */
export function isSamePacket(one: { bytes: string }, other: { bytes: string }): boolean {
  return one.bytes === other.bytes || identityOfEvent(one) === identityOfEvent(other);
}

/** No headers are longer: those of IPv6 and TCP, or of an ICMP error with what it quotes. */
const HEADERS_BASE64 = 256;

/** The same of their headers alone. */
const heads = new WeakMap<{ bytes: string }, string>();

export function headOfEvent(event: { bytes: string }): string {
  return known(heads, event, () => {
    const packet = Buffer.from(event.bytes, 'base64');
    return identityOf(headersOf(packet) ?? packet);
  });
}

/** Frees memory: an identity is as long as its packet, and not needed once the packet is settled. */
export function forgetIdentity(event: { bytes: string }): void {
  identities.delete(event);
  heads.delete(event);
}

function known(
  cache: WeakMap<{ bytes: string }, string>,
  event: { bytes: string },
  workOut: () => string,
): string {
  let identity = cache.get(event);
  if (identity === undefined) {
    identity = workOut();
    cache.set(event, identity);
  }
  return identity;
}
