import { SystemError } from '../error.ts';
import { monotonicNs } from './clock.ts';
import { toMonotonicNs } from './day-clock.ts';
import { DisposableStack } from './disposable-stack.ts';
import {
  attribute,
  NETLINK_NETFILTER,
  NetlinkSocket,
  NLM_F_ACK,
  netlinkMessage,
  parseAttributes,
  parseMessages,
  u16be,
  u32be,
} from './netlink.ts';

// include/uapi/linux/netfilter/nfnetlink_log.h
const NFNL_SUBSYS_ULOG = 4;
const NFULNL_MSG_PACKET = 0;
const NFULNL_MSG_CONFIG = 1;
const NFULA_CFG_CMD = 1;
const NFULA_CFG_MODE = 2;
const NFULA_CFG_TIMEOUT = 4;
const NFULA_CFG_QTHRESH = 5;
const NFULNL_CFG_CMD_BIND = 1;
const NFULNL_COPY_PACKET = 2;
const NFULA_PACKET_HDR = 1;
const NFULA_TIMESTAMP = 3;
const NFULA_PAYLOAD = 9;
const NFULA_PREFIX = 10;
const NF_INET_LOCAL_IN = 1;

/** That are read at a time: more than its buffer holds. */
const MOST = 10_000;

/** A packet that a rule logged before it decided on it. */
export interface LoggedPacket {
  /** The rule's log prefix, which identifies the rule. */
  prefix: string;
  hook: 'in' | 'out';
  /** The kernel's stamp, nanoseconds (CLOCK_MONOTONIC); null where it gives none (nothing that leaves has a stamp yet). */
  atNs: bigint | null;
  /** By how much that may be wrong, because the clock of the day was set (nanoseconds). */
  doubtNs: bigint;
  /** From the IP header on. */
  packet: Buffer;
}

/** What the rules of a namespace log to one group. Works in a user namespace too. */
export class PacketLog {
  readonly #netlink: NetlinkSocket;
  #lost = false;
  /** When it was read last: all from before that was read then. */
  #calledNs = monotonicNs();

  /** Binds the group in the namespace in which the thread is now. Every packet is delivered at once, none is gathered. */
  constructor(group: number) {
    this.#netlink = new NetlinkSocket(NETLINK_NETFILTER);
    using undo = new DisposableStack();
    undo.defer(() => this.#netlink.close());
    const config = (...attributes: Buffer[]) => ({
      message: netlinkMessage(
        (NFNL_SUBSYS_ULOG << 8) | NFULNL_MSG_CONFIG,
        NLM_F_ACK,
        Buffer.from([0, 0]),
        u16be(group),
        ...attributes,
      ),
      detail: `packet log, group ${group}`,
    });
    const mode = Buffer.concat([u32be(0xffff), Buffer.from([NFULNL_COPY_PACKET, 0])]);
    this.#netlink.requestAll([
      config(attribute(NFULA_CFG_CMD, Buffer.from([NFULNL_CFG_CMD_BIND]))),
      config(attribute(NFULA_CFG_MODE, mode)),
      config(attribute(NFULA_CFG_QTHRESH, u32be(1)), attribute(NFULA_CFG_TIMEOUT, u32be(1))),
    ]);
    undo.move();
  }

  /** What has been logged since the last call. */
  read(): LoggedPacket[] {
    const sinceNs = this.#calledNs;
    this.#calledNs = monotonicNs();
    const packets = this.#readAll();
    const stamped = packets.filter(
      (packet): packet is LoggedPacket & { atNs: bigint } => packet.atNs !== null,
    );
    const times = toMonotonicNs(
      stamped.map(({ atNs }) => atNs),
      sinceNs,
    );
    for (const [index, packet] of stamped.entries()) Object.assign(packet, times[index]);
    return packets;
  }

  /** Still stamped by the clock of the day. */
  #readAll(): LoggedPacket[] {
    const packets: LoggedPacket[] = [];
    // Packets may arrive faster than they are read.
    while (packets.length < MOST) {
      const datagram = this.#receive();
      if (!datagram) return packets;
      for (const { type, body } of parseMessages(datagram)) {
        if (type === ((NFNL_SUBSYS_ULOG << 8) | NFULNL_MSG_PACKET)) packets.push(parse(body));
      }
    }
    return packets;
  }

  /** Whether something was logged since the last call for which there was no room (netlink(7), ENOBUFS). */
  takeLost(): boolean {
    const lost = this.#lost;
    this.#lost = false;
    return lost;
  }

  close(): void {
    this.#netlink.close();
  }

  /** The kernel reports once that the buffer was full (ENOBUFS); the packets that fit follow. */
  #receive(): Buffer | undefined {
    try {
      return this.#netlink.receive();
    } catch (error) {
      if (!(error instanceof SystemError) || error.errno !== 'ENOBUFS') throw error;
      this.#lost = true;
      return this.#netlink.receive();
    }
  }
}

function parse(body: Buffer): LoggedPacket {
  const attributes = parseAttributes(body.subarray(4));
  const stamp = attributes.get(NFULA_TIMESTAMP);
  const hook = attributes.get(NFULA_PACKET_HDR)?.readUInt8(2);
  return {
    prefix: attributes.get(NFULA_PREFIX)?.subarray(0, -1).toString() ?? '',
    hook: hook === NF_INET_LOCAL_IN ? 'in' : 'out',
    atNs: stamp ? stamp.readBigUInt64BE(0) * 1_000_000_000n + stamp.readBigUInt64BE(8) * 1000n : null,
    doubtNs: 0n,
    packet: Buffer.from(attributes.get(NFULA_PAYLOAD) ?? Buffer.alloc(0)),
  };
}
