import { addressBytes, type Endpoint, formatEndpoint } from '../../tcp/endpoint.ts';

/** How a client has a relay connect: one that knows its server needs nothing, and another one a request. */
export type WayName = 'relay' | 'connect' | 'socks';

/** What the proxy answered: `status` is of HTTP, or a reply code of SOCKS. */
export interface Answer {
  isGranted: boolean;
  status: number;
  /** The length of the answer, in bytes. */
  used: number;
}

interface Step {
  request: Buffer;
  /** Undefined while the answer is not complete. */
  read(heard: Buffer): Answer | undefined;
}

/** What a client says before the connection is through, and how it reads what the proxy answers. */
export function stepsOf(way: WayName, server: Endpoint): readonly Step[] {
  switch (way) {
    case 'relay':
      return [];
    case 'connect':
      return [{ request: connectRequest(formatEndpoint(server)), read: readHttp }];
    case 'socks':
      return [
        { request: Buffer.of(5, 1, 0), read: readMethod },
        { request: socksRequest(server), read: readSocks },
      ];
  }
}

/** RFC 9110, 9.3.6. */
function connectRequest(authority: string): Buffer {
  return Buffer.from(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`);
}

/** The status of an HTTP response whose head is complete. */
function readHttp(heard: Buffer): Answer | undefined {
  const end = heard.indexOf('\r\n\r\n');
  const status = Number(/^HTTP\/1\.\d (\d{3})/.exec(heard.toString('latin1'))?.[1]);
  if (end < 0 || Number.isNaN(status)) return undefined;
  return { isGranted: status >= 200 && status < 300, status, used: end + 4 };
}

/** RFC 1928, 3: method 0 needs no authentication. */
function readMethod(heard: Buffer): Answer | undefined {
  if (heard.length < 2) return undefined;
  const status = heard.readUInt8(1);
  return { isGranted: status === 0, status, used: 2 };
}

/** RFC 1928, 4. */
function socksRequest({ address, port }: Endpoint): Buffer {
  const bytes = addressBytes(address);
  const end = Buffer.alloc(2);
  end.writeUInt16BE(port);
  return Buffer.concat([Buffer.of(5, 1, 0, bytes.length === 16 ? 4 : 1), bytes, end]);
}

/** RFC 1928, 6. */
function readSocks(heard: Buffer): Answer | undefined {
  const length = SOCKS_ADDRESS[heard[3] ?? 0];
  if (heard.length < 4 || length === undefined || heard.length < 6 + length) return undefined;
  const status = heard.readUInt8(1);
  return { isGranted: status === 0, status, used: 6 + length };
}

/** The length of an address by its type: IPv4 and IPv6. */
const SOCKS_ADDRESS: Readonly<Record<number, number>> = { 1: 4, 4: 16 };
