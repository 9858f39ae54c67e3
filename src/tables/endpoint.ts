import { addressBytes, addressText } from '../tcp/endpoint.ts';
import type { TableEndpoint } from './row.ts';

/** The services that tools print most often in place of their ports (IANA; /etc/services). */
const PORTS: Readonly<Record<string, number>> = {
  ftp: 21,
  ssh: 22,
  telnet: 23,
  smtp: 25,
  domain: 53,
  http: 80,
  www: 80,
  kerberos: 88,
  pop3: 110,
  sunrpc: 111,
  imap2: 143,
  imap: 143,
  ldap: 389,
  https: 443,
  'microsoft-ds': 445,
  submission: 587,
  ldaps: 636,
  imaps: 993,
  pop3s: 995,
  'ms-sql-s': 1433,
  nfs: 2049,
  mysql: 3306,
  postgresql: 5432,
  amqp: 5672,
  redis: 6379,
  'http-alt': 8080,
  webcache: 8080,
  'https-alt': 8443,
  mongodb: 27017,
};

const IPV4 = /^\d{1,3}(\.\d{1,3}){3}$/;
const NAME = /^[\w.*-]+$/;

/** `10.20.0.20:8080`, `[::1]:22`, `:::22`, `*:http`, `[fe80::1]%eth0:22`; undefined for anything else. */
export function parseEndpoint(text: string): TableEndpoint | undefined {
  const colon = text.lastIndexOf(':');
  if (colon < 0) return undefined;
  const port = parsePort(text.slice(colon + 1));
  const address = port && parseAddress(text.slice(0, colon));
  return address === undefined || port === undefined ? undefined : { address, ...port, isCut: false };
}

/** Ports of which no number is in the table, and names of services that are not numbers. */
function parsePort(text: string): Pick<TableEndpoint, 'port' | 'service'> | undefined {
  if (text === '*') return { port: null, service: null };
  if (/^\d{1,5}$/.test(text)) {
    const port = Number(text);
    return port > 65_535 ? undefined : { port: port === 0 ? null : port, service: null };
  }
  if (!/^[A-Za-z][\w.+-]{0,40}$/.test(text)) return undefined;
  return { port: PORTS[text.toLowerCase()] ?? null, service: text };
}

function parseAddress(text: string): string | undefined {
  const bare = text.replace(/%[\w.@-]+/, '').replace(/^\[(.*)\]$/, '$1');
  if (bare === '*' || bare === '') return bare === '' ? undefined : '*';
  if (IPV4.test(bare)) return bare.split('.').every((part) => Number(part) < 256) ? bare : undefined;
  if (bare.includes(':')) return ipv6(bare);
  return NAME.test(bare) ? bare : undefined;
}

/** In its short form (RFC 5952), and IPv4 inside IPv6 as IPv4; undefined if it is not an IPv6 address. */
function ipv6(text: string): string | undefined {
  if (!/^[\da-fA-F:]*(?:\d{1,3}(?:\.\d{1,3}){3})?$/.test(text)) return undefined;
  const hex = text.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_all, ...parts: string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = parts.slice(0, 4).map(Number);
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  });
  const halves = hex.split('::');
  const groups = halves.flatMap((half) => (half ? half.split(':') : []));
  const isWhole = halves.length === 1 ? groups.length === 8 : halves.length === 2 && groups.length < 8;
  if (!isWhole || groups.some((group) => !/^[\da-fA-F]{1,4}$/.test(group))) return undefined;
  return addressText(addressBytes(hex));
}

/** Of eight or 32 hexadecimal digits, each 32-bit word in the byte order of the machine (/proc/net/tcp, little-endian). */
export function hexAddress(hex: string): string {
  const bytes = hex.match(/../g)?.map((byte) => Number.parseInt(byte, 16)) ?? [];
  const ordered = bytes.map((_byte, index) => bytes[(index & ~3) + 3 - (index & 3)] ?? 0);
  return addressText(Uint8Array.from(ordered));
}

/** Of which only the beginning was printed: `2001:db8:20:1111:` of a longer one. */
export function cutEndpoint(text: string): TableEndpoint | undefined {
  const colon = text.lastIndexOf(':');
  const [address, port] = [text.slice(0, colon), parsePort(text.slice(colon + 1))];
  if (!port || !/^[\w:.-]+$/.test(address)) return undefined;
  return { address, ...port, isCut: true };
}

const ANY: ReadonlySet<string> = new Set(['*', '::', '0.0.0.0']);

export function isAny(address: string): boolean {
  return ANY.has(address);
}

/** A port's number, or its name where that is all there is; `*` for any. */
function portText({ port, service }: TableEndpoint): string {
  return port === null ? (service ?? '*') : String(port);
}

export function endpointText(endpoint: TableEndpoint): string {
  return `${addressInBrackets(endpoint)}:${portText(endpoint)}`;
}

export function addressInBrackets({ address, isCut }: Pick<TableEndpoint, 'address' | 'isCut'>): string {
  const shown = isCut ? `${address}…` : address;
  return address.includes(':') ? `[${shown}]` : shown;
}
