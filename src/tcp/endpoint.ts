/** An address and a port. IPv6 addresses are written in their short form (RFC 5952), without brackets. */
export interface Endpoint {
  address: string;
  port: number;
}

export type Family = 'ipv4' | 'ipv6';

/** `192.168.2.10:80`, `[fd00:2::10]:80`. */
export function formatEndpoint({ address, port }: Endpoint): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

export function sameEndpoint(a: Endpoint, b: Endpoint): boolean {
  return a.port === b.port && a.address === b.address;
}

/** Whether a socket that listens there takes what comes for an endpoint: at its address, or at any. */
export function isListenerOf(listener: Endpoint, { address, port }: Endpoint): boolean {
  return listener.port === port && [address, '0.0.0.0', '::'].includes(listener.address);
}

const [known, MOST_KNOWN] = [new Map<string | number, Endpoint>(), 4096];

/** The endpoint of an address of 4 or 16 bytes: one object for each, since packets are many and endpoints few. */
export function endpointOf(bytes: Uint8Array, port: number): Endpoint {
  const [a = 0, b = 0, c = 0, d = 0] = bytes;
  const key =
    bytes.length === 4
      ? (((a << 24) | (b << 16) | (c << 8) | d) >>> 0) * 2 ** 16 + port
      : `${bytes.join()} ${port}`;
  let endpoint = known.get(key);
  if (!endpoint) {
    if (known.size >= MOST_KNOWN) known.clear();
    endpoint = { address: addressText(bytes), port };
    known.set(key, endpoint);
  }
  return endpoint;
}

/** The bytes of an address, in network order: 4 or 16. */
export function addressBytes(address: string): Uint8Array {
  if (!address.includes(':')) return Uint8Array.from(address.split('.'), Number);
  const [head = '', tail = ''] = address.split('::');
  const words = (text: string) => (text ? text.split(':').map((word) => Number.parseInt(word, 16)) : []);
  const [left, right] = [words(head), words(tail)];
  const all = [...left, ...Array<number>(8 - left.length - right.length).fill(0), ...right];
  return Uint8Array.from(all.flatMap((word) => [word >> 8, word & 0xff]));
}

const MAPPED = '0,0,0,0,0,0,0,0,0,0,255,255';

/**
 * The text of an address of 4 or 16 bytes. An IPv4 address inside IPv6 (::ffff:a.b.c.d) is given as IPv4: a socket
 * of a dual-stack program uses IPv4 on the wire.
 */
export function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.subarray(0, 12).join() === MAPPED) return bytes.subarray(12).join('.');
  const words = Array.from({ length: 8 }, (_, index) =>
    (((bytes[2 * index] ?? 0) << 8) | (bytes[2 * index + 1] ?? 0)).toString(16),
  );
  const zeros = longestRunOfZeros(words);
  if (zeros.length < 2) return words.join(':');
  const after = words.slice(zeros.start + zeros.length);
  return `${words.slice(0, zeros.start).join(':')}::${after.join(':')}`;
}

function longestRunOfZeros(words: string[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (let index = 0; index <= words.length; index++) {
    if (words[index] === '0') continue;
    if (index - start > best.length) best = { start, length: index - start };
    start = index + 1;
  }
  return best;
}
