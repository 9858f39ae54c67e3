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

const [known, MOST_KNOWN] = [new Map<string, Endpoint>(), 4096];

/** The endpoint of an address of 4 or 16 bytes: one object for each, since packets are many and endpoints few. */
export function endpointOf(bytes: Buffer, port: number): Endpoint {
  const key = `${bytes.toString('latin1')}${port}`;
  let endpoint = known.get(key);
  if (!endpoint) {
    if (known.size >= MOST_KNOWN) known.clear();
    endpoint = { address: addressText(bytes), port };
    known.set(key, endpoint);
  }
  return endpoint;
}

/** The bytes of an address, in network order: 4 or 16. */
export function addressBytes(address: string): Buffer {
  if (!address.includes(':')) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail = ''] = address.split('::');
  const words = (text: string) => (text ? text.split(':').map((word) => Number.parseInt(word, 16)) : []);
  const [left, right] = [words(head), words(tail)];
  const all = [...left, ...Array<number>(8 - left.length - right.length).fill(0), ...right];
  const bytes = Buffer.alloc(16);
  for (const [index, word] of all.entries()) bytes.writeUInt16BE(word, index * 2);
  return bytes;
}

/**
 * The text of an address of 4 or 16 bytes. An IPv4 address inside IPv6 (::ffff:a.b.c.d) is given as IPv4: a socket
 * of a dual-stack program uses IPv4 on the wire.
 */
export function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const mapped = view.subarray(0, 12).equals(Buffer.from('00000000000000000000ffff', 'hex'));
  if (mapped) return view.subarray(12).join('.');
  const words = Array.from({ length: 8 }, (_, index) => view.readUInt16BE(index * 2).toString(16));
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
