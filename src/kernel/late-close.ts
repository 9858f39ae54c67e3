import { check, libc, recvLater } from './libc.ts';
import { type Mapping, mapMemory } from './mapping.ts';

// unix(7), cmsg(3), recv(2)
const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_DONTWAIT = 0x40;

/** How many may be left for the kernel to free: those of two labs in libuv's four threads, and those of two labs in its queue. */
const MOST = 8;

let left = 0;
const waiting: (() => void)[] = [];

/**
 * Closes a descriptor, and leaves it to a thread of the pool to wait until the kernel has freed what it stands for. When this
 * is over, the descriptor is gone. Waits only while many others are left to be freed.
 *
 * A descriptor on its way between two sockets (SCM_RIGHTS) keeps alive what it stands for, so close() has nothing to free and
 * returns at once. A receiver without space for descriptors drops it, and therefore waits (net/core/scm.c).
 */
export async function closeLater(fd: number): Promise<void> {
  while (left >= MOST) await new Promise<void>((resolve) => waiting.push(resolve));
  const onItsWay = sendAway(fd);
  check(libc.close(fd), 'close');
  if (!onItsWay) return;
  left++;
  recvLater(onItsWay.receiver, onItsWay.byte, MSG_DONTWAIT, (received) => {
    left--;
    if (received !== 1) process.emitWarning('tcplab: a closed socket may stay open in the kernel');
    waiting.shift()?.();
  });
}

interface Handover {
  sender: number;
  receiver: number;
  message: Mapping;
  /** Buffer for the received byte. */
  byte: { address: bigint; length: number };
}

/** Kept until the process ends. Then the kernel frees all that is still on its way. */
let handover: Handover | undefined;

/** Returns undefined without descriptors for the sockets, and with too many on their way (ETOOMANYREFS). */
function sendAway(fd: number): Handover | undefined {
  handover ??= openHandover();
  if (!handover) return undefined;
  const { sender, message } = handover;
  message.bytes.writeInt32LE(fd, DESCRIPTOR);
  return libc.sendmsg(sender, message.address, MSG_DONTWAIT) === 1 ? handover : undefined;
}

function openHandover(): Handover | undefined {
  const sockets = new Int32Array(2);
  if (libc.socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0) return undefined;
  const [sender, receiver] = sockets as unknown as [number, number];
  const message = layOut();
  return { sender, receiver, message, byte: { address: message.address + BigInt(DATA), length: 1 } };
}

const [VECTOR, CONTROL, DESCRIPTOR, DATA, END] = [56, 72, 88, 96, 97];

/** struct msghdr (56 bytes), iovec (16) and cmsghdr (16), aligned to 8, with space for one descriptor, and a byte, because an empty message carries none. */
function layOut(): Mapping {
  const message = mapMemory(END);
  const { address, bytes } = message;
  bytes.writeBigUInt64LE(address + BigInt(VECTOR), 16);
  bytes.writeBigUInt64LE(1n, 24);
  bytes.writeBigUInt64LE(address + BigInt(CONTROL), 32);
  bytes.writeBigUInt64LE(BigInt(DATA - CONTROL), 40);
  bytes.writeBigUInt64LE(address + BigInt(DATA), VECTOR);
  bytes.writeBigUInt64LE(1n, VECTOR + 8);
  bytes.writeBigUInt64LE(BigInt(DESCRIPTOR + 4 - CONTROL), CONTROL);
  bytes.writeInt32LE(SOL_SOCKET, CONTROL + 8);
  bytes.writeInt32LE(SCM_RIGHTS, CONTROL + 12);
  return message;
}
