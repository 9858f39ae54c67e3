import { ETHER_TYPE } from '../tcp/headers.ts';
import { completeChecksum } from '../tcp/segment.ts';
import { monotonicNs, realtimeNs } from './clock.ts';
import { type Translated, toMonotonicNs } from './day-clock.ts';
import { DisposableStack } from './disposable-stack.ts';
import { closeLater } from './late-close.ts';
import { check, lastErrno, libc } from './libc.ts';
import { mapMemory } from './mapping.ts';
import { attachPeerFilter } from './packet-filter.ts';
import { interfaceIndex } from './rtnetlink.ts';

// packet(7), recvmmsg(2), socket(7); include/uapi/linux/if_packet.h
const AF_PACKET = 17;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const SOCK_NONBLOCK = 0o4000;
const ETH_P_ALL = 0x0003;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_RCVBUFFORCE = 33;
const SO_TIMESTAMPNS = 35;
const SOL_PACKET = 263;
const PACKET_STATISTICS = 6;
const PACKET_AUXDATA = 8;
const PACKET_OUTGOING = 4;
const TP_STATUS_CSUMNOTREADY = 8;
const PROBE = 0x88b5;
const RECEIVE_BUFFER = 4 * 1024 * 1024;

/** `atNs` is the kernel's stamp. */
export interface CapturedPacket extends Translated {
  direction: 'sent' | 'received';
  /** From the IP header on, with its TCP checksum as it is on a wire, also where a card has yet to fill it in. */
  packet: Buffer;
}

/**
 * Every packet that an interface sends or receives, stamped by the kernel. Segments that the output hook drops never
 * get here; those that the input hook drops do.
 *
 * Not a mapped ring: to make one waits for an RCU grace period (10 to 15 ms), to close one for two.
 */
export class PacketCapture {
  readonly #fd: number;
  readonly #interface: number;
  readonly #name: string;
  #closed: Promise<void> | undefined;
  /** When it was read last: all from before that was read then. */
  #calledNs = monotonicNs();
  /** Whether the interface was set down at some time. */
  #wasDown = false;
  #reportedDeleted = false;

  /**
   * Opens on the named interface of the namespace in which the thread is now; whatever kind of link it is. With a `peer`
   * the kernel gives only what has this address, and ICMP.
   */
  constructor(interfaceName: string, peer?: string) {
    const type = SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
    this.#fd = check(libc.socket(AF_PACKET, type, 0), 'socket', 'packet capture');
    using undo = new DisposableStack();
    undo.defer(() => libc.close(this.#fd));
    this.#name = interfaceName;
    this.#interface = interfaceIndex(interfaceName);
    setOption(this.#fd, SO_TIMESTAMPNS, 1);
    setOption(this.#fd, PACKET_AUXDATA, 1, SOL_PACKET);
    if (peer !== undefined) attachPeerFilter(this.#fd, peer);
    // The limit of rmem_max holds for everyone but the machine's root.
    if (setOption(this.#fd, SO_RCVBUFFORCE, RECEIVE_BUFFER) < 0)
      setOption(this.#fd, SO_RCVBUF, RECEIVE_BUFFER);
    const address = linkLayerAddress(this.#interface, ETH_P_ALL);
    check(libc.bind(this.#fd, address, address.length), 'bind', `packet capture on ${interfaceName}`);
    undo.move();
  }

  /** What has come since the last call, in the order of the kernel. */
  read(): CapturedPacket[] {
    return [...this.packets()];
  }

  /** The same one by one: none of it is kept. */
  *packets(): Generator<CapturedPacket> {
    const sinceNs = this.#calledNs;
    this.#calledNs = monotonicNs();
    for (const frames of this.#batches()) {
      const times = toMonotonicNs(
        frames.map(({ stampNs }) => stampNs),
        sinceNs,
      );
      for (const [index, { etherType, direction, packet }] of frames.entries()) {
        if (etherType === ETHER_TYPE.ipv4 || etherType === ETHER_TYPE.ipv6)
          yield { direction, packet, ...(times[index] as Translated) };
      }
    }
  }

  /** Sends a frame without a receiver (an EtherType for experiments, IEEE 802). A link that is down loses it. */
  sendProbe(destination: Uint8Array): void {
    const address = linkLayerAddress(this.#interface, PROBE, destination);
    libc.sendto(this.#fd, Buffer.alloc(46), 46, 0, address, address.length);
  }

  /** Whether a probe has come that the kernel stamped on arrival: one stamped when it is read is younger than this call. */
  takeProbe(): boolean {
    const calledNs = realtimeNs();
    const frames = [...this.#batches()].flat();
    return frames.some(({ etherType, stampNs }) => etherType === PROBE && stampNs < calledNs);
  }

  /**
   * The name of the interface, once, after it was deleted: from then on the capture sees nothing, not even of a new
   * interface of that name. One that is only set down and up again is captured as before (packet(7)).
   */
  takeDeleted(): string | undefined {
    if (!this.#wasDown || this.#reportedDeleted) return undefined;
    const address = Buffer.alloc(20);
    const length = Buffer.from([address.length, 0, 0, 0]);
    check(libc.getsockname(this.#fd, address, length), 'getsockname', 'packet capture');
    const NO_INTERFACE = -1;
    this.#reportedDeleted = address.readInt32LE(4) === NO_INTERFACE;
    return this.#reportedDeleted ? this.#name : undefined;
  }

  /** How many packets found the buffer full since the last call. Their contents are lost. */
  takeLost(): number {
    // struct tpacket_stats (8 bytes, aligned to 4): packets, drops.
    const statistics = Buffer.alloc(8);
    const length = Buffer.from([8, 0, 0, 0]);
    check(libc.getsockopt(this.#fd, SOL_PACKET, PACKET_STATISTICS, statistics, length), 'getsockopt');
    return statistics.readUInt32LE(4);
  }

  /**
   * When this is over, the descriptor is gone. The kernel frees the socket 10 to 20 ms later, when no CPU can still be
   * handling a packet for it (net/packet/af_packet.c, packet_release). Until then its namespace exists, with the interface
   * and the socket, but only a process inside can see it. A second call does nothing.
   */
  close(): Promise<void> {
    this.#closed ??= closeLater(this.#fd);
    return this.#closed;
  }

  /** A busy interface may deliver faster than this reads: packets that arrive after the call are for the next one. */
  *#batches(): Generator<Frame[]> {
    const calledNs = realtimeNs();
    for (;;) {
      batch.prepare();
      const count = libc.recvmmsg(this.#fd, batch.address, BATCH, 0, null);
      const errno = count < 0 ? lastErrno() : undefined;
      if (errno === 'EAGAIN') return;
      // The socket's error, once each time that the interface is set down or deleted (net/packet/af_packet.c,
      // packet_notifier). Packets from before that are still in the buffer.
      if (errno === 'ENETDOWN') {
        this.#wasDown = true;
        continue;
      }
      check(count, 'recvmmsg', 'packet capture');
      // Copied out of the buffer that all captures share, before the next read.
      const frames = Array.from({ length: count }, (_, index) => batch.parse(index)).filter(
        (one) => one !== undefined,
      );
      yield frames;
      if (count < BATCH || (frames.at(-1)?.stampNs ?? 0n) > calledNs) return;
    }
  }
}

interface Frame extends Omit<CapturedPacket, keyof Translated> {
  etherType: number;
  /** By the clock of the day (CLOCK_REALTIME). */
  stampNs: bigint;
}

const BATCH = 64;
const [MESSAGE, VECTOR, NAME, CONTROL, DATA] = [64, 16, 32, 128, 2048];

/**
 * Room for one recvmmsg: of each message a struct mmsghdr (64 bytes), iovec (16), sockaddr_ll (20, in 32), control data and the
 * packet, all aligned to 8 as 64-bit pointers must be, in memory of its own so that the pointers between them hold. Read within one synchronous stretch, so one is enough for all.
 */
class Batch {
  readonly address: bigint;
  readonly #bytes: Buffer;
  readonly #headers: Buffer;

  constructor() {
    const size = BATCH * (MESSAGE + VECTOR + NAME + CONTROL + DATA);
    const memory = mapMemory(size);
    this.address = memory.address;
    this.#bytes = memory.bytes;
    this.#headers = this.#layOut();
  }

  /** The kernel overwrites lengths, so they are set before each call. */
  prepare(): void {
    this.#bytes.set(this.#headers);
  }

  /** The messages with their vectors: they point to what comes after them. */
  #layOut(): Buffer {
    const headers = Buffer.alloc(BATCH * (MESSAGE + VECTOR));
    for (let index = 0; index < BATCH; index++) {
      const [message, vector] = [this.#message(index), this.#vector(index)];
      headers.writeBigUInt64LE(this.address + BigInt(this.#name(index)), message);
      headers.writeUInt32LE(NAME, message + 8);
      headers.writeBigUInt64LE(this.address + BigInt(vector), message + 16);
      headers.writeBigUInt64LE(1n, message + 24);
      headers.writeBigUInt64LE(this.address + BigInt(this.#control(index)), message + 32);
      headers.writeBigUInt64LE(BigInt(CONTROL), message + 40);
      headers.writeBigUInt64LE(this.address + BigInt(this.#data(index)), vector);
      headers.writeBigUInt64LE(BigInt(DATA), vector + 8);
    }
    return headers;
  }

  parse(index: number): Frame | undefined {
    const length = Math.min(this.#bytes.readUInt32LE(this.#message(index) + 56), DATA);
    if (length === 0) return undefined;
    const { stampNs, isPartial } = this.#parseControl(index);
    const [name, data] = [this.#name(index), this.#data(index)];
    const packet = Buffer.from(this.#bytes.subarray(data, data + length));
    return {
      direction: this.#bytes.readUInt8(name + 10) === PACKET_OUTGOING ? 'sent' : 'received',
      stampNs,
      etherType: this.#bytes.readUInt16BE(name + 2),
      packet: isPartial ? completeChecksum(packet) : packet,
    };
  }

  /** A list of struct cmsghdr (16 bytes, aligned to 8), each with its data: struct timespec (16), struct tpacket_auxdata (20). */
  #parseControl(index: number): { stampNs: bigint; isPartial: boolean } {
    let [stampNs, isPartial] = [0n, false];
    let at = this.#control(index);
    const end = at + Number(this.#bytes.readBigUInt64LE(this.#message(index) + 40));
    while (at + 16 <= end) {
      const length = Number(this.#bytes.readBigUInt64LE(at));
      const [level, type] = [this.#bytes.readInt32LE(at + 8), this.#bytes.readInt32LE(at + 12)];
      if (level === SOL_SOCKET && type === SO_TIMESTAMPNS) {
        stampNs = this.#bytes.readBigInt64LE(at + 16) * 1_000_000_000n + this.#bytes.readBigInt64LE(at + 24);
      } else if (level === SOL_PACKET && type === PACKET_AUXDATA) {
        isPartial = (this.#bytes.readUInt32LE(at + 16) & TP_STATUS_CSUMNOTREADY) !== 0;
      }
      at += Math.max(16, (length + 7) & ~7);
    }
    return { stampNs, isPartial };
  }

  #message = (index: number): number => index * MESSAGE;
  #vector = (index: number): number => BATCH * MESSAGE + index * VECTOR;
  #name = (index: number): number => BATCH * (MESSAGE + VECTOR) + index * NAME;
  #control = (index: number): number => BATCH * (MESSAGE + VECTOR + NAME) + index * CONTROL;
  #data = (index: number): number => BATCH * (MESSAGE + VECTOR + NAME + CONTROL) + index * DATA;
}

const batch = new Batch();

function setOption(fd: number, option: number, value: number, level: number = SOL_SOCKET): number {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return libc.setsockopt(fd, level, option, bytes, bytes.length);
}

/** struct sockaddr_ll (20 bytes, aligned to 4). */
function linkLayerAddress(
  index: number,
  protocol: number,
  destination: Uint8Array = Buffer.alloc(0),
): Buffer {
  const address = Buffer.alloc(20);
  address.writeUInt16LE(AF_PACKET, 0);
  address.writeUInt16BE(protocol, 2);
  address.writeInt32LE(index, 4);
  address.writeUInt8(destination.length, 11);
  address.set(destination, 12);
  return address;
}
