import { ETHER_TYPE, PROTOCOL } from '../../tcp/headers.ts';
import { STACK } from './assembler.ts';
import { BASE, type Program, SMALL_STATES, SOCK_STREAM } from './program.ts';
import { RECORD, RECORD_BYTES } from './record.ts';

/** The drop reasons that are none: the kernel frees what it has used with them. */
const NO_DROPS = ['SKB_NOT_DROPPED_YET', 'SKB_CONSUMED', 'SKB_DROP_REASON_NOT_SPECIFIED'];

/** As a little-endian processor reads them. */
const ETHER_TYPES = [ETHER_TYPE.ipv4, ETHER_TYPE.ipv6].map((type) => ((type & 0xff) << 8) | (type >> 8));

/** `first` and `second`: the states, by Linux's numbers. */
export function stateChange(program: Program): void {
  const { asm, btf } = program;
  program.argument(7, 0);
  program.value(2, 1, 7, btf.offset('sock', 'sk_protocol'));
  asm.jumpIf(1, '!=', PROTOCOL.tcp, 'out');
  program.findNamespaceOfSocket();
  program.leaveUnlessWatched();
  program.begin(RECORD_BYTES.bare);
  program.argument(1, 1);
  asm.store(8, STACK, BASE + RECORD.first, 1);
  program.argument(1, 2);
  asm.store(8, STACK, BASE + RECORD.second, 1);
  program.socket();
  program.send(RECORD_BYTES.bare);
}

/** `index`: which argument of the tracepoint is the socket. */
export function ofSocket(program: Program, index: number): void {
  program.argument(7, index);
  program.findNamespaceOfSocket();
  program.leaveUnlessWatched();
  program.begin(RECORD_BYTES.bare);
  program.socket();
  program.send(RECORD_BYTES.bare);
}

/** There may be no socket, and there may be no segment that is answered: then `rest` is empty. */
export function reset(program: Program): void {
  const { asm } = program;
  program.argument(7, 0);
  program.argument(9, 1);
  asm.jumpIf(7, '==', 0, 'no socket');
  program.findNamespaceOfSocket();
  asm.jump('found').label('no socket').jumpIf(9, '==', 0, 'out');
  program.findNamespaceOfPacket();
  asm.label('found');
  program.leaveUnlessWatched();
  program.begin(RECORD_BYTES.packet);
  program.socket();
  asm.jumpIf(9, '==', 0, 'no packet');
  program.packet();
  asm.label('no packet');
  program.send(RECORD_BYTES.packet);
}

/** `first`: the reason, a number of the kernel's enum skb_drop_reason. */
export function drop(program: Program): void {
  const { asm, btf } = program;
  program.argument(9, 0);
  program.argument(8, 2);
  for (const [number, name] of btf.enumerators('skb_drop_reason')) {
    if (NO_DROPS.includes(name)) asm.jumpIf(8, '==', number, 'out');
  }
  program.value(2, 1, 9, btf.offset('sk_buff', 'protocol'));
  for (const type of ETHER_TYPES) asm.jumpIf(1, '==', type, 'is IP');
  asm.jump('out').label('is IP');
  // The socket that the packet was for; absent before Linux 6.11.
  if (btf.argumentCount('kfree_skb') === 4) program.argument(7, 3);
  else asm.set(7, 0);
  asm.jumpIf(7, '!=', 0, 'is for a socket');
  // Not its own socket first: until IP has it, an arrival still has its sender's (net/core/skbuff.c, skb_scrub_packet).
  program.pointer(8, 9, btf.offset('sk_buff', 'dev'));
  asm.jumpIf(8, '!=', 0, 'by device');
  program.pointer(7, 9, btf.offset('sk_buff', 'sk'));
  asm.jumpIf(7, '!=', 0, 'has socket').label('by device');
  program.findNamespaceOfPacket();
  asm.jump('found').label('is for a socket');
  // A raw socket or a capture gets a copy, whose fate is not the segment's.
  program.value(1, 1, 7, program.sock('skc_state'));
  for (const state of SMALL_STATES) asm.jumpIf(1, '==', state, 'has socket');
  program.value(2, 1, 7, btf.offset('sock', 'sk_type'));
  asm.jumpIf(1, '!=', SOCK_STREAM, 'out').label('has socket');
  program.findNamespaceOfSocket();
  asm.label('found');
  program.leaveUnlessWatched();
  program.begin(RECORD_BYTES.packet);
  program.argument(1, 2);
  asm.store(8, STACK, BASE + RECORD.first, 1);
  program.packet();
  program.send(RECORD_BYTES.packet);
}
