import { addressBytes } from '../tcp/endpoint.ts';
import { IPV4, IPV6, PROTOCOL } from '../tcp/headers.ts';
import {
  AND,
  type Instruction,
  JUMP_IF_EQUAL,
  LOAD_BYTE,
  LOAD_WORD,
  RETURN,
  withFilter,
} from './filter-program.ts';
import { check, libc } from './libc.ts';

// socket(7)
const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;

/**
 * Has the kernel give a packet socket (SOCK_DGRAM) nothing but ICMP and what has the peer's address as its source or its
 * destination: a machine may have much else to tell.
 */
export function attachPeerFilter(fd: number, peer: string): void {
  withFilter(filterFor(addressBytes(peer)), (program) => {
    const attached = libc.setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, program, program.length);
    check(attached, 'setsockopt', 'packet filter');
  });
}

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
