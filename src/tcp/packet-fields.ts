import { addressText } from './endpoint.ts';
import { ICMP, IPV4, IPV6, PROTOCOL, TCP } from './headers.ts';

/** One field of a packet, where it is in its bytes, for a reader. */
export interface PacketField {
  layer: 'IPv4' | 'IPv6' | 'TCP' | 'TCP option' | 'ICMP' | 'data';
  name: string;
  value: string;
  /** In bytes, from the packet's start. */
  at: number;
  length: number;
  /** Its number, for the sequence and acknowledgment numbers and the window. */
  number?: number;
}

/** All fields of a packet that starts with its IP header, as far as its bytes go. */
export function packetFields(bytes: Uint8Array): PacketField[] {
  const reader = new Reader(bytes);
  const version = (bytes[0] ?? 0) >> 4;
  const [protocol, at] = version === 6 ? ipv6(reader) : ipv4(reader);
  if (protocol === PROTOCOL.tcp) tcp(reader, at);
  else if (protocol === PROTOCOL.icmp || protocol === PROTOCOL.icmpv6) icmp(reader, at);
  else reader.add('data', 'not decoded', at, bytes.length - at, () => `protocol ${protocol}`);
  return reader.fields;
}

/** The shift of a SYN's window scale option (RFC 7323, 2.2); null without one. */
export function windowScaleOf(fields: readonly PacketField[]): number | null {
  return fields.find(({ name }) => name === SCALE)?.number ?? null;
}

/** The fields of one packet; one that is not whole is left out. */
class Reader {
  readonly fields: PacketField[] = [];
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  add(
    layer: PacketField['layer'],
    name: string,
    at: number,
    length: number,
    value: () => string,
    number?: number,
  ): void {
    if (length <= 0 || at + length > this.bytes.length) return;
    this.fields.push({ layer, name, value: value(), at, length, ...(number !== undefined && { number }) });
  }

  /** A field that is one number. */
  number(
    layer: PacketField['layer'],
    name: string,
    at: number,
    length: 1 | 2 | 4,
    write: (value: number) => string = String,
  ): number {
    const number = this.read(at, length);
    this.add(layer, name, at, length, () => write(number), number);
    return number;
  }

  read(at: number, length: 1 | 2 | 4): number {
    if (at + length > this.bytes.length) return 0;
    if (length === 1) return this.#view.getUint8(at);
    return length === 2 ? this.#view.getUint16(at) : this.#view.getUint32(at);
  }

  address(layer: PacketField['layer'], name: string, at: number, length: 4 | 16): void {
    this.add(layer, name, at, length, () => addressText(this.bytes.subarray(at, at + length)));
  }
}

const hex = (digits: number) => (value: number) => `0x${value.toString(16).padStart(digits, '0')}`;
const PROTOCOL_NAMES: Readonly<Record<number, string>> = {
  [PROTOCOL.tcp]: 'TCP',
  [PROTOCOL.icmp]: 'ICMP',
  [PROTOCOL.icmpv6]: 'ICMPv6',
};
const protocolName = (value: number) => `${value} (${PROTOCOL_NAMES[value] ?? 'other'})`;
/** RFC 3168, 5. */
const ECN = ['not ECN-capable', 'ECT(1)', 'ECT(0)', 'congestion experienced'];
const service = (value: number) => `DSCP ${value >> 2}, ${ECN[value & 3]}`;

function ipv4(reader: Reader): [protocol: number, next: number] {
  const words = reader.read(0, 1) & 0x0f;
  reader.number('IPv4', 'version, header length', 0, 1, () => `4, ${words * 4} bytes`);
  reader.number('IPv4', 'DSCP, ECN', IPV4.typeOfService, 1, service);
  reader.number('IPv4', 'total length', IPV4.totalLength, 2, (value) => `${value} bytes`);
  reader.number('IPv4', 'identification', IPV4.identification, 2, hex(4));
  reader.number('IPv4', 'flags, fragment offset', IPV4.flags, 2, (value) => {
    const names = [value & 0x4000 ? "don't fragment" : '', value & 0x2000 ? 'more fragments' : ''];
    return [...names.filter(Boolean), `offset ${(value & 0x1fff) * 8}`].join(', ');
  });
  reader.number('IPv4', 'time to live', IPV4.timeToLive, 1);
  const protocol = reader.number('IPv4', 'protocol', IPV4.protocol, 1, protocolName);
  reader.number('IPv4', 'header checksum', IPV4.checksum, 2, hex(4));
  reader.address('IPv4', 'source', IPV4.source, 4);
  reader.address('IPv4', 'destination', IPV4.destination, 4);
  reader.add('IPv4', 'options', IPV4.bytes, words * 4 - IPV4.bytes, () => `${words * 4 - IPV4.bytes} bytes`);
  return [protocol, words * 4];
}

function ipv6(reader: Reader): [protocol: number, next: number] {
  const first = reader.read(0, 4);
  reader.add('IPv6', 'version, traffic class, flow label', 0, 4, () =>
    ['6', service((first >> 20) & 0xff), hex(5)(first & 0xfffff)].join(', '),
  );
  reader.number('IPv6', 'payload length', IPV6.payloadLength, 2, (value) => `${value} bytes`);
  const protocol = reader.number('IPv6', 'next header', IPV6.nextHeader, 1, protocolName);
  reader.number('IPv6', 'hop limit', IPV6.hopLimit, 1);
  reader.address('IPv6', 'source', IPV6.source, 16);
  reader.address('IPv6', 'destination', IPV6.destination, 16);
  return [protocol, IPV6.bytes];
}

const FLAGS = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR'];

function tcp(reader: Reader, start: number): void {
  reader.number('TCP', 'source port', start + TCP.sourcePort, 2);
  reader.number('TCP', 'destination port', start + TCP.destinationPort, 2);
  reader.number('TCP', 'sequence number', start + TCP.seq, 4);
  reader.number('TCP', 'acknowledgment number', start + TCP.ack, 4);
  const words = reader.read(start + TCP.dataOffset, 1) >> 4;
  reader.number('TCP', 'data offset', start + TCP.dataOffset, 1, () => `header of ${words * 4} bytes`);
  reader.number('TCP', 'flags', start + TCP.flags, 1, (value) => {
    const names = FLAGS.filter((_, bit) => value & (1 << bit));
    return `${hex(2)(value)} (${names.join(', ') || 'none'})`;
  });
  reader.number('TCP', 'window', start + TCP.window, 2);
  reader.number('TCP', 'checksum', start + TCP.checksum, 2, hex(4));
  reader.number('TCP', 'urgent pointer', start + TCP.checksum + 2, 2);
  const end = Math.min(start + words * 4, reader.bytes.length);
  options(reader, start + TCP.bytes, end);
  const text = () => printable(reader.bytes.subarray(end));
  reader.add('data', 'data', end, reader.bytes.length - end, text);
}

const SCALE = 'window scale';

/** RFC 9293, 3.1; RFC 7323, 2.2 and 3.2; RFC 2018, 2 and 3; RFC 7413, 4.1.1. */
function options(reader: Reader, from: number, end: number): void {
  let at = from;
  while (at < end) {
    const kind = reader.read(at, 1);
    if (kind === 0) {
      reader.add('TCP option', 'end of options', at, end - at, () => '');
      return;
    }
    if (kind === 1) {
      reader.add('TCP option', 'no-operation', at++, 1, () => 'padding');
      continue;
    }
    const length = reader.read(at + 1, 1);
    if (length < 2 || at + length > end) {
      reader.add('TCP option', 'malformed', at, end - at, () => `kind ${kind}, length ${length}`);
      return;
    }
    option(reader, kind, at, length);
    at += length;
  }
}

function option(reader: Reader, kind: number, at: number, length: number): void {
  const add = (name: string, value: string, number?: number) =>
    reader.add('TCP option', name, at, length, () => value, number);
  if (kind === 2 && length === 4) add('maximum segment size', `${reader.read(at + 2, 2)} bytes`);
  else if (kind === 3 && length === 3) {
    const shift = reader.read(at + 2, 1);
    add(SCALE, `${shift} (windows × ${2 ** Math.min(shift, 14)})`, Math.min(shift, 14));
  } else if (kind === 4 && length === 2) add('SACK permitted', '');
  else if (kind === 5) {
    const blocks = Array.from({ length: (length - 2) / 8 }, (_, index) => at + 2 + 8 * index);
    add('SACK', blocks.map((block) => `${reader.read(block, 4)} to ${reader.read(block + 4, 4)}`).join(', '));
  } else if (kind === 8 && length === 10)
    add('timestamps', `value ${reader.read(at + 2, 4)}, echo reply ${reader.read(at + 6, 4)}`);
  else if (kind === 34) add('Fast Open', length === 2 ? 'cookie requested' : `cookie of ${length - 2} bytes`);
  else add(`kind ${kind}`, `${length} bytes`);
}

function icmp(reader: Reader, start: number): void {
  reader.number('ICMP', 'type', start + ICMP.type, 1);
  reader.number('ICMP', 'code', start + ICMP.code, 1);
  reader.number('ICMP', 'checksum', start + 2, 2, hex(4));
  reader.add('ICMP', 'rest of header', start + 4, 4, () => hex(8)(reader.read(start + 4, 4)));
  const quoted = start + ICMP.bytes;
  const length = reader.bytes.length - quoted;
  reader.add('data', 'quoted packet', quoted, length, () => `${length} bytes of the packet that it is about`);
}

function printable(bytes: Uint8Array): string {
  const text = Array.from(bytes, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·'));
  return text.join('');
}
