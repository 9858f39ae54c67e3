import koffi from 'koffi';
import { addressBytes } from '../tcp/endpoint.ts';
import { IPV4, IPV6, PROTOCOL } from '../tcp/headers.ts';
import { check, libc } from './libc.ts';

// socket(7), Documentation/networking/filter.rst; include/uapi/linux/filter.h
const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;

/**
 * Has the kernel give a packet socket (SOCK_DGRAM) nothing but ICMP and what has the peer's address as its source or its
 * destination: a machine may have much else to tell.
 */
export function attachPeerFilter(fd: number, peer: string): void {
  const filter = filterFor(addressBytes(peer));
  const program = Buffer.alloc(8 * filter.length);
  for (const [index, [code, ifTrue, ifFalse, operand]] of filter.entries()) {
    program.writeUInt16LE(code, 8 * index);
    program.writeUInt8(ifTrue, 8 * index + 2);
    program.writeUInt8(ifFalse, 8 * index + 3);
    program.writeUInt32LE(operand, 8 * index + 4);
  }
  // struct sock_fprog (16 bytes, aligned to 8): the count, and where the instructions are.
  const header = Buffer.alloc(16);
  header.writeUInt16LE(filter.length, 0);
  header.writeBigUInt64LE(BigInt(koffi.address(program)), 8);
  check(
    libc.setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, header, header.length),
    'setsockopt',
    'packet filter',
  );
}

/** An instruction of classic BPF (struct sock_filter, 8 bytes, aligned to 4): what it does, where to go on if true and if not, its operand. */
type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, operand: number];

const [LOAD_WORD, LOAD_BYTE, AND, JUMP_IF_EQUAL, RETURN] = [0x20, 0x30, 0x54, 0x15, 0x06];
const [WHOLE, NOTHING] = [0xffff, 0];

function filterFor(peer: Uint8Array): Instruction[] {
  const is6 = peer.length === 16;
  const { source, destination } = is6 ? IPV6 : IPV4;
  const [protocolAt, icmp] = is6 ? [IPV6.nextHeader, PROTOCOL.icmpv6] : [IPV4.protocol, PROTOCOL.icmp];
  const words = Array.from({ length: peer.length / 4 }, (_, index) =>
    Buffer.from(peer).readUInt32BE(index * 4),
  );
  const matches = (at: number): Instruction[] =>
    words.flatMap((word, index): Instruction[] => [
      [LOAD_WORD, 0, 0, at + index * 4],
      // Past the rest of this address's words, and the return that follows them.
      [JUMP_IF_EQUAL, 0, 2 * (words.length - index - 1) + 1, word],
    ]);
  return [
    [LOAD_BYTE, 0, 0, 0],
    [AND, 0, 0, 0xf0],
    [JUMP_IF_EQUAL, 1, 0, is6 ? 0x60 : 0x40],
    [RETURN, 0, 0, NOTHING],
    [LOAD_BYTE, 0, 0, protocolAt],
    [JUMP_IF_EQUAL, 0, 1, icmp],
    [RETURN, 0, 0, WHOLE],
    ...matches(source),
    [RETURN, 0, 0, WHOLE],
    ...matches(destination),
    [RETURN, 0, 0, WHOLE],
    [RETURN, 0, 0, NOTHING],
  ];
}
