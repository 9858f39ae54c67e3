import { SystemError } from '../error.ts';
import { check, errnoName, lastErrno, libc } from './libc.ts';
import { systemError } from './system-error.ts';

/** Netlink messages: building, sending, reading (netlink(7)). Numbers are in host order by default. */

export const NETLINK_ROUTE = 0;
export const NETLINK_SOCK_DIAG = 4;
export const NETLINK_NETFILTER = 12;

const NLM_F_REQUEST = 0x1;
export const NLM_F_ACK = 0x4;
export const NLM_F_DUMP = 0x300;
export const NLM_F_CREATE = 0x400;
export const NLM_F_EXCL = 0x200;

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const SOCK_NONBLOCK = 0o4000;
const SOL_NETLINK = 270;
const NETLINK_EXT_ACK = 11;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLMSGERR_ATTR_MSG = 1;
const NLM_F_CAPPED = 0x100;
const NLM_F_ACK_TLVS = 0x200;

export interface NetlinkRequest {
  message: Buffer;
  /** What it asks for: an error names it. */
  detail: string;
}

interface NetlinkMessage {
  type: number;
  flags: number;
  body: Buffer;
}

/** Of whatever socket: it is read within one synchronous stretch. */
const received = Buffer.alloc(65536);

/** A netlink socket in the namespace in which the thread is now; it stays there. */
export class NetlinkSocket {
  readonly #fd: number;
  #sequence = 0;

  constructor(protocol: number) {
    const type = SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK;
    this.#fd = check(libc.socket(AF_NETLINK, type, protocol), 'socket', `netlink ${protocol}`);
    const one = Buffer.from([1, 0, 0, 0]);
    libc.setsockopt(this.#fd, SOL_NETLINK, NETLINK_EXT_ACK, one, one.length);
  }

  get fd(): number {
    return this.#fd;
  }

  /** Sends one message, and reads until it is acknowledged (or the dump is done). */
  request(message: Buffer, detail: string): NetlinkMessage[] {
    return this.requestAll([{ message, detail }]);
  }

  /**
   * Sends the messages in one call, and reads until the last is acknowledged. The kernel answers before send() returns, so
   * this never waits. The kernel processes each message, even after one that failed. Throws the first failure.
   */
  requestAll(requests: readonly NetlinkRequest[]): NetlinkMessage[] {
    const first = this.#sequence + 1;
    for (const { message } of requests) message.writeUInt32LE(++this.#sequence, 8);
    const detailOf = (sequence: number) => requests[sequence - first]?.detail ?? '';
    const all = Buffer.concat(requests.map(({ message }) => message));
    check(Number(libc.send(this.#fd, all, all.length, 0)), 'send', detailOf(first));
    const answers: NetlinkMessage[] = [];
    for (;;) {
      const datagram = this.receive();
      if (!datagram)
        throw new SystemError('recv', 'EAGAIN', { detail: `${detailOf(first)}: no answer from the kernel` });
      for (const message of parseMessages(datagram)) {
        if (message.type === NLMSG_ERROR) throwIfError(message, detailOf(message.sequence));
        else if (message.type !== NLMSG_DONE) answers.push(message);
        const ends = message.type === NLMSG_ERROR || message.type === NLMSG_DONE;
        if (ends && message.sequence === this.#sequence) return answers;
      }
    }
  }

  /** A dump of which nothing is kept: `visit` gets the socket's buffer and where each message's body begins in it. */
  dump(message: Buffer, detail: string, visit: (datagram: Buffer, bodyAt: number) => void): void {
    message.writeUInt32LE(++this.#sequence, 8);
    check(Number(libc.send(this.#fd, message, message.length, 0)), 'send', detail);
    for (;;) {
      const datagram = this.receive();
      if (!datagram)
        throw new SystemError('recv', 'EAGAIN', { detail: `${detail}: no answer from the kernel` });
      for (let at = 0; at + 16 <= datagram.length; at += align(datagram.readUInt32LE(at))) {
        const type = datagram.readUInt16LE(at + 4);
        if (type === NLMSG_DONE) return;
        if (type === NLMSG_ERROR) {
          for (const error of parseMessages(datagram.subarray(at))) throwIfError(error, detail);
          return;
        }
        visit(datagram, at + 16);
      }
    }
  }

  /** One datagram, or undefined when none waits. Its buffer is used again by the next call, of any socket. */
  receive(): Buffer | undefined {
    const length = Number(libc.recv(this.#fd, received, received.length, 0));
    if (length < 0 && lastErrno() === 'EAGAIN') return undefined;
    return received.subarray(0, check(length, 'recv', 'netlink'));
  }

  close(): void {
    libc.close(this.#fd);
  }
}

/** struct nlmsghdr (16 bytes, aligned to 4) and what belongs to it. */
export function netlinkMessage(type: number, flags: number, ...parts: Buffer[]): Buffer {
  const header = Buffer.alloc(16);
  const length = parts.reduce((sum, part) => sum + part.length, header.length);
  header.writeUInt32LE(length, 0);
  header.writeUInt16LE(type, 4);
  header.writeUInt16LE(flags | NLM_F_REQUEST, 6);
  return Buffer.concat([header, ...parts]);
}

/** struct nlattr (4 bytes, aligned to 4) and its value, padded to four bytes. */
export function attribute(type: number, ...parts: Uint8Array[]): Buffer {
  const header = Buffer.alloc(4);
  const length = parts.reduce((sum, part) => sum + part.length, header.length);
  header.writeUInt16LE(length, 0);
  header.writeUInt16LE(type, 2);
  return Buffer.concat([header, ...parts, Buffer.alloc(align(length) - length)]);
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

export function u32be(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function u16be(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

export function text(value: string): Buffer {
  return Buffer.from(`${value}\0`);
}

export function* parseMessages(datagram: Buffer): Generator<NetlinkMessage & { sequence: number }> {
  let offset = 0;
  while (offset + 16 <= datagram.length) {
    const length = datagram.readUInt32LE(offset);
    if (length < 16) return;
    yield {
      type: datagram.readUInt16LE(offset + 4),
      flags: datagram.readUInt16LE(offset + 6),
      sequence: datagram.readUInt32LE(offset + 8),
      // Copied: the buffer is used again.
      body: Buffer.from(datagram.subarray(offset + 16, offset + length)),
    };
    offset += align(length);
  }
}

/** The attributes of a message by their type; of repeated ones the last. */
export function parseAttributes(body: Buffer): Map<number, Buffer> {
  const attributes = new Map<number, Buffer>();
  let offset = 0;
  while (offset + 4 <= body.length) {
    const length = body.readUInt16LE(offset);
    if (length < 4) break;
    // The two upper bits mark nested attributes and network order.
    attributes.set(body.readUInt16LE(offset + 2) & 0x3fff, body.subarray(offset + 4, offset + length));
    offset += align(length);
  }
  return attributes;
}

function throwIfError(message: NetlinkMessage, detail: string): void {
  const error = -message.body.readInt32LE(0);
  if (error === 0) return;
  const said = extendedAck(message);
  throw systemError('netlink', errnoName(error), said ? `${detail}: ${said}` : detail);
}

function extendedAck({ flags, body }: NetlinkMessage): string | undefined {
  if (!(flags & NLM_F_ACK_TLVS)) return undefined;
  const quoted = flags & NLM_F_CAPPED ? 16 : align(body.readUInt32LE(4));
  const said = parseAttributes(body.subarray(4 + quoted)).get(NLMSGERR_ATTR_MSG);
  return said?.subarray(0, -1).toString();
}

export function align(length: number): number {
  return (length + 3) & ~3;
}
