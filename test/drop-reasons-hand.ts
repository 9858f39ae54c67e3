import { spawnSync } from 'node:child_process';
import koffi from 'koffi';
import type { Connection } from '../src/evidence/connection.ts';
import { type HostName, otherHost } from '../src/evidence/events.ts';
import { check, libc } from '../src/kernel/libc.ts';
import { Nftables } from '../src/kernel/nftables.ts';
import { interfaceIndex } from '../src/kernel/rtnetlink.ts';
import * as socket from '../src/kernel/socket.ts';
import { socketAddress } from '../src/kernel/socket-address.ts';
import { INTERFACE, LINK_ADDRESSES } from '../src/lab/addresses.ts';
import { type EnterableHost, isEnterable } from '../src/lab/host.ts';
import type { Lab } from '../src/lab/lab.ts';
import { encodePacket, type SegmentToEncode } from '../src/tcp/encode.ts';
import type { Segment } from '../src/tcp/segment.ts';
import { type SequenceNumber, seqAdd, seqDistance, sequenceNumber } from '../src/tcp/sequence.ts';

/** What the tests of drop reasons do to a lab, past tcplab's own interface: foreign rules, foreign options, broken packets. */

/** This machine has not got what a test needs: then the test is skipped. */
export class MachineLacks extends Error {}

/** How a packet differs from a good one. */
export interface Faults {
  /** TCP's options, a multiple of four bytes. */
  options?: Uint8Array;
  /** Those of the IPv4 header. */
  ipOptions?: Uint8Array;
  ttl?: number;
  wrong?: 'TCP checksum' | 'IP checksum';
  /** The packet ends there, whatever its headers say. */
  cutAt?: number;
  /** It says that more fragments follow. */
  isFragment?: boolean;
  /** Whom the frame is for. */
  linkAddress?: Uint8Array;
}

const MORE_FRAGMENTS = 0x2000;
const TCP = 6;

function handMade(segment: SegmentToEncode, faults: Faults = {}): Buffer {
  const { options = new Uint8Array(), ipOptions = new Uint8Array(), ttl, wrong, isFragment } = faults;
  const packet = encodePacket(segment);
  const is6 = packet.readUInt8(0) >> 4 === 6;
  const ip = Buffer.concat([packet.subarray(0, is6 ? 40 : 20), ipOptions]);
  const fixed = packet.subarray(is6 ? 40 : 20);
  const tcp = Buffer.concat([fixed.subarray(0, 20), options, fixed.subarray(20)]);
  tcp.writeUInt8(((20 + options.length) / 4) << 4, 12);
  if (ttl !== undefined) ip.writeUInt8(ttl, is6 ? 7 : 8);
  const addresses = is6 ? ip.subarray(8, 40) : ip.subarray(12, 20);
  const lengthAndProtocol = Buffer.from([tcp.length >> 8, tcp.length & 0xff, 0, TCP]);
  tcp.writeUInt16BE(0, 16);
  const sum = checksum(Buffer.concat([addresses, lengthAndProtocol, tcp]));
  tcp.writeUInt16BE(wrong === 'TCP checksum' ? sum ^ 1 : sum, 16);
  if (is6) {
    ip.writeUInt16BE(tcp.length, 4);
  } else {
    ip.writeUInt8(0x40 | (ip.length / 4), 0);
    ip.writeUInt16BE(ip.length + tcp.length, 2);
    if (isFragment) ip.writeUInt16BE(MORE_FRAGMENTS, 6);
    ip.writeUInt16BE(0, 10);
    ip.writeUInt16BE(checksum(ip) ^ Number(wrong === 'IP checksum'), 10);
  }
  return Buffer.concat([ip, tcp]).subarray(0, faults.cutAt);
}

/** RFC 1071. */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

const AF_PACKET = 17;
const [SOCK_DGRAM, SOCK_CLOEXEC] = [2, 0o2000000];
const [IPV4, IPV6] = [0x0800, 0x86dd];

/** Sends it from the interface of a host: past its IP, which would correct it, and past its rules. */
function put(
  lab: Lab,
  from: HostName,
  packet: Buffer,
  linkAddress: Uint8Array = LINK_ADDRESSES[otherHost(from)],
): void {
  enterable(lab, from).within(() => {
    const fd = check(libc.socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0), 'socket');
    const address = Buffer.alloc(20);
    address.writeUInt16LE(AF_PACKET, 0);
    address.writeUInt16BE(packet.readUInt8(0) >> 4 === 6 ? IPV6 : IPV4, 2);
    address.writeInt32LE(interfaceIndex(INTERFACE), 4);
    address.writeUInt8(linkAddress.length, 11);
    address.set(linkAddress, 12);
    const sent = Number(libc.sendto(fd, packet, packet.length, 0, address, address.length));
    socket.close(fd);
    check(sent, 'sendto', INTERFACE);
  });
}

/** A capture of the host's packets that nobody reads. */
export function openCapture(lab: Lab, host: HostName): number {
  const ETH_P_ALL = 0x0003;
  return enterable(lab, host).within(() =>
    check(libc.socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, ETH_P_ALL << 8), 'socket'),
  );
}

function enterable(lab: Lab, host: HostName): EnterableHost {
  const found = lab.host(host);
  if (!isEnterable(found)) throw new Error('a lab of this machine is needed');
  return found;
}

/** A bare ACK with the numbers that the host's next segment has, by what both captures saw sent. */
export function nextSegment(lab: Lab, connection: Connection, from: HostName): SegmentToEncode {
  const to = otherHost(from);
  return {
    source: connection[from],
    destination: connection[to],
    seq: nextNumber(lab, connection, from),
    ack: nextNumber(lab, connection, to),
    flags: '.',
    window: 500,
  };
}

function nextNumber(lab: Lab, connection: Connection, host: HostName): number {
  const ends = sentBy(lab, connection, host)
    .filter(({ flags }) => !flags.includes('R'))
    .map(({ seq, length, flags }) =>
      seqAdd(seq, length + Number(flags.includes('S')) + Number(flags.includes('F'))),
    );
  return ends.reduce((last, end) => (seqDistance(end, last) > 0 ? end : last), ends[0] ?? sequenceNumber(0));
}

/** That segment with other flags and data, its numbers moved by so much. */
export function moved(
  segment: SegmentToEncode,
  flags: string,
  { seq = 0, ack = 0, length = 0 }: { seq?: number; ack?: number; length?: number } = {},
): SegmentToEncode {
  return {
    ...segment,
    flags,
    seq: sequenceNumber(segment.seq + seq),
    ack: flags.includes('.') ? sequenceNumber((segment.ack ?? 0) + ack) : null,
    payload: Buffer.alloc(length, '.'),
  };
}

/** Sends the segment from the host, whatever its source, perhaps with faults; gives it. */
export function give(
  lab: Lab,
  from: HostName,
  segment: SegmentToEncode,
  faults: Faults = {},
): SegmentToEncode {
  put(lab, from, handMade(segment, faults), faults.linkAddress);
  return segment;
}

export function sentBy(lab: Lab, connection: Connection, host: HostName): Segment[] {
  return packetsOf(lab, connection, host).map(({ segment }) => segment);
}

/** Where the receive window ends that the host told last. */
export function windowEnd(lab: Lab, connection: Connection, host: HostName): SequenceNumber {
  const [syn, ...later] = packetsOf(lab, connection, host);
  const last = later.at(-1);
  if (!syn || last?.segment.ack == null) throw new Error(`the ${host} has told no window`);
  const scale = optionsOf(syn.bytes).get(WINDOW_SCALE)?.readUInt8() ?? 0;
  return seqAdd(last.segment.ack, last.segment.window << scale);
}

/** TCP's timestamps (RFC 7323) as in the newest segment that the host sent, each moved by so much. */
export function timestamps(
  lab: Lab,
  connection: Connection,
  host: HostName,
  { own = 0, echo = 0 }: { own?: number; echo?: number },
): Buffer {
  const last = packetsOf(lab, connection, host).at(-1);
  const values = last && optionsOf(last.bytes).get(TIMESTAMPS);
  if (!values) throw new MachineLacks('TCP timestamps are turned off');
  const option = Buffer.from([NOTHING, NOTHING, TIMESTAMPS, 10, ...values]);
  option.writeUInt32BE(sequenceNumber(values.readUInt32BE(0) + own), 4);
  option.writeUInt32BE(sequenceNumber(values.readUInt32BE(4) + echo), 8);
  return option;
}

const [END, NOTHING, WINDOW_SCALE, TIMESTAMPS] = [0, 1, 3, 8];

/** The values of TCP's options, by their kind (RFC 9293, 3.1). */
function optionsOf(packet: Buffer): Map<number, Buffer> {
  const tcp = packet.subarray(packet.readUInt8(0) >> 4 === 6 ? 40 : (packet.readUInt8(0) & 0x0f) * 4);
  const options = new Map<number, Buffer>();
  const end = (tcp.readUInt8(12) >> 4) * 4;
  for (let at = 20; at < end && tcp[at] !== END; ) {
    const length = tcp[at] === NOTHING ? 1 : tcp.readUInt8(at + 1);
    options.set(tcp.readUInt8(at), tcp.subarray(at + 2, at + length));
    at += length;
  }
  return options;
}

function packetsOf(lab: Lab, connection: Connection, host: HostName): { segment: Segment; bytes: Buffer }[] {
  const [own, other] = [connection[host], connection[otherHost(host)]];
  return lab.timeline.of('captured').flatMap(({ host: at, direction, wire, bytes }) => {
    if (at !== host || direction !== 'sent' || wire.kind !== 'tcp') return [];
    const { segment } = wire;
    if (segment.source.port !== own.port || segment.destination.port !== other.port) return [];
    return { segment, bytes: Buffer.from(bytes, 'base64') };
  });
}

/** A rule that is not the lab's. */
export function foreignRule(lab: Lab, host: HostName, hook: string, rule: string): void {
  const [family, device] = hook === 'ingress' ? ['netdev', `device ${INTERFACE}`] : ['inet', ''];
  enterable(lab, host).within(() => {
    const nft = new Nftables();
    try {
      nft.run(
        `add table ${family} foreign; ` +
          `add chain ${family} foreign drops { type filter hook ${hook} ${device} priority 0; }; ` +
          `add rule ${family} foreign drops ${rule}`,
      );
    } finally {
      nft.close();
    }
  });
}

/** Runs a command of iproute2 in the host. */
export function tool(lab: Lab, host: HostName, command: string): void {
  const [program = '', ...args] = command.split(' ');
  const { status, stderr, error } = enterable(lab, host).within(() =>
    spawnSync(program, args, { encoding: 'utf8' }),
  );
  if (status !== 0) throw new MachineLacks(`${command}: ${stderr?.trim() || error?.message}`);
}

/** A listener of the server that is the test's own, for options that tcplab does not set. */
export class OwnListener implements Disposable {
  readonly fd: number;
  readonly #lab: Lab;
  readonly #accepted: number[] = [];

  constructor(lab: Lab, prepare: (fd: number) => void = () => {}) {
    this.#lab = lab;
    this.fd = enterable(lab, 'server').within(() => socket.openTcpSocket(lab.family));
    try {
      socket.bind(this.fd, lab.serverEndpoint());
      prepare(this.fd);
      socket.listen(this.fd, 5);
    } catch (error) {
      socket.close(this.fd);
      throw error;
    }
  }

  async accept(): Promise<number> {
    const fd = await this.#lab.waitFor('a connection to accept', () => socket.accept(this.fd));
    this.#accepted.push(fd);
    return fd;
  }

  [Symbol.dispose](): void {
    for (const fd of [this.fd, ...this.#accepted]) socket.close(fd);
  }
}

/** setsockopt(2) with an int. */
export function setNumber(fd: number, level: number, option: number, value: number): void {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  set(fd, level, option, bytes);
}

/** A filter that lets nothing through (socket(7), SO_ATTACH_FILTER). */
export function filterAll(fd: number): void {
  const [RETURN_ZERO, SOL_SOCKET, SO_ATTACH_FILTER] = [Buffer.from([6, 0, 0, 0, 0, 0, 0, 0]), 1, 26];
  const program = Buffer.alloc(16);
  program.writeUInt16LE(1, 0);
  program.writeBigUInt64LE(BigInt(koffi.address(RETURN_ZERO)), 8);
  set(fd, SOL_SOCKET, SO_ATTACH_FILTER, program);
}

/** Has the socket expect RFC 2385's signature from the address (struct tcp_md5sig). */
export function expectMd5(fd: number, address: string): void {
  const TCP_MD5SIG = 14;
  const key = Buffer.alloc(216);
  key.set(socketAddress({ address, port: 0 }), 0);
  key.writeUInt16LE(3, 130);
  key.write('key', 136);
  set(fd, TCP, TCP_MD5SIG, key);
}

/** The option of RFC 2385 with a signature that no key makes. */
export const MD5_SIGNATURE: Uint8Array = Buffer.from([1, 1, 19, 18, ...Buffer.alloc(16)]);

function set(fd: number, level: number, option: number, value: Uint8Array): void {
  if (libc.setsockopt(fd, level, option, value, value.length) !== 0)
    throw new MachineLacks(`setsockopt ${level} ${option}`);
}
