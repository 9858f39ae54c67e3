import { AF_INET6 } from '../socket-address.ts';
import { type Register, STACK } from './assembler.ts';
import type { Btf } from './btf.ts';
import type { Numbering } from './numbering.ts';
import { EVENT_NAMES, PACKET_BYTES, type RawEventName, RECORD, RECORD_BYTES } from './record.ts';
import { FREE_STACK, HELPER, Writer } from './writer.ts';

/** This process polls: no program needs to wake it. */
const BPF_RB_NO_WAKEUP = 1;

// On the stack, from its end: the record, the namespace that was found, and room for a number.
export const BASE: number = FREE_STACK - RECORD_BYTES.packet;
const NAMESPACE = BASE - 8;
const SCRATCH = NAMESPACE - 8;
/** The stack is free below that. */
export const FREE: number = SCRATCH;

export const SOCK_STREAM = 1;
/** TCP_TIME_WAIT, TCP_NEW_SYN_RECV: sockets in these have the fields of struct sock_common, and no more (include/net/tcp_states.h). */
export const SMALL_STATES = [6, 12] as const;
const SIZE_OF_UPID = 16;

/** The kernel and the process that the programs are written for. */
export interface Surroundings {
  btf: Btf;
  maps: Maps;
  numbering: Numbering;
}

export interface Maps {
  ring: number;
  /** By inode number of the network namespace: how many of its records found the ring full. */
  namespaces: number;
  /** By thread: the call that it is in (call-programs.ts). */
  calling: number;
  /** One number: how many records of all namespaces found it full. */
  lost: number;
}

/**
 * The program of one tracepoint. r6 holds the tracepoint's arguments, which are those of its TP_PROTO (include/trace/events/);
 * r7 the socket; r8 what is read on the way; r9 the packet, or the process. A program that has nothing to report jumps to `out`.
 */
export class Program extends Writer {
  readonly event: RawEventName;
  readonly maps: Maps;
  readonly #numbering: Numbering;

  constructor(event: RawEventName, { btf, maps, numbering }: Surroundings) {
    super(btf);
    this.event = event;
    this.maps = maps;
    this.#numbering = numbering;
    this.asm.copy(6, 1);
  }

  assemble(): Buffer {
    return this.asm.label('out').set(0, 0).exit().assemble();
  }

  argument(to: Register, index: number): void {
    this.asm.load(8, to, 6, index * 8);
  }

  /** The offset of a member of struct sock_common in a socket. */
  sock(...path: string[]): number {
    return this.btf.offset('sock', '__sk_common', ...path);
  }

  findNamespaceOfSocket(): void {
    this.pointer(8, 7, this.sock('skc_net', 'net'));
    this.#findNamespace();
  }

  /** Of the packet in r9: by its device, or by where it is routed to. */
  findNamespaceOfPacket(): void {
    const found = this.newLabel();
    this.pointer(8, 9, this.btf.offset('sk_buff', 'dev'));
    this.asm.jumpIf(8, '!=', 0, found);
    this.pointer(8, 9, this.btf.offset('sk_buff', '_skb_refdst'));
    // The lowest bit shows whether the reference is counted (include/linux/skbuff.h, SKB_DST_NOREF).
    this.asm.compute(8, '&=', -2);
    this.pointer(8, 8, this.btf.offset('dst_entry', 'dev'));
    this.asm.label(found);
    this.pointer(8, 8, this.btf.offset('net_device', 'nd_net', 'net'));
    this.#findNamespace();
  }

  findNamespaceOfProcess(): void {
    this.pointer(8, 9, this.btf.offset('task_struct', 'nsproxy'));
    this.pointer(8, 8, this.btf.offset('nsproxy', 'net_ns'));
    this.#findNamespace();
  }

  #findNamespace(): void {
    this.read(4, 8, this.btf.offset('net', 'ns', 'inum'), NAMESPACE);
  }

  /** Leaves unless the namespace that was found is watched. */
  leaveUnlessWatched(): void {
    this.stack(2, NAMESPACE);
    this.asm.map(1, this.maps.namespaces).call(HELPER.lookUp).jumpIf(0, '==', 0, 'out');
  }

  /** Jumps unless the socket in r7 is in the namespace that was found. */
  unlessInNamespace(target: string): void {
    this.pointer(8, 7, this.sock('skc_net', 'net'));
    this.value(4, 1, 8, this.btf.offset('net', 'ns', 'inum'));
    this.asm.load(4, 2, STACK, NAMESPACE).jumpIfBoth(1, '!=', 2, target);
  }

  /** Clears the record and fills in what all have. */
  begin(size: number): void {
    const { asm } = this;
    for (let offset = 0; offset < size; offset += 8) asm.storeValue(8, STACK, BASE + offset, 0);
    asm.call(HELPER.monotonicTime).store(8, STACK, BASE + RECORD.at, 0);
    asm.load(4, 1, STACK, NAMESPACE).store(4, STACK, BASE + RECORD.namespace, 1);
    asm.storeValue(4, STACK, BASE + RECORD.event, EVENT_NAMES.indexOf(this.event));
    // A thread without an id in this PID namespace must still differ from others.
    asm.call(HELPER.threadIds).store(4, STACK, BASE + RECORD.thread, 0);
    this.currentTask(8);
    this.#numberOfThread(RECORD.thread);
    this.currentTask(8);
    this.pointer(8, 8, this.btf.offset('task_struct', 'group_leader'));
    this.#numberOfThread(RECORD.pid);
    this.stack(1, BASE + RECORD.comm);
    asm.set(2, 16).call(HELPER.comm);
  }

  /** Of the thread in r8, as this process's PID namespace has it (include/linux/pid.h). Writes nothing where it has none. */
  #numberOfThread(to: number): void {
    const { asm, btf } = this;
    const { level, inode } = this.#numbering;
    const end = this.newLabel();
    const here = btf.offset('pid', 'numbers') + level * SIZE_OF_UPID;
    this.pointer(8, 8, btf.offset('task_struct', 'thread_pid'));
    this.value(4, 1, 8, btf.offset('pid', 'level'));
    asm.jumpIf(1, '<', level, end);
    this.value(4, 1, 8, here + btf.offset('upid', 'nr'));
    asm.store(8, STACK, SCRATCH, 1);
    this.pointer(8, 8, here + btf.offset('upid', 'ns'));
    this.value(4, 1, 8, btf.offset('pid_namespace', 'ns', 'inum'));
    asm.jumpUnless32(1, inode, end);
    asm
      .load(8, 1, STACK, SCRATCH)
      .store(4, STACK, BASE + to, 1)
      .label(end);
  }

  /** The fields of r7, whatever kind of socket it is. */
  socket(): void {
    const { asm, btf } = this;
    const [isV6, ports, isSmall, end] = [this.newLabel(), this.newLabel(), this.newLabel(), this.newLabel()];
    const field = (size: number, name: string, to: number) => this.read(size, 7, this.sock(name), BASE + to);
    asm.store(8, STACK, BASE + RECORD.socket, 7).jumpIf(7, '==', 0, end);
    field(2, 'skc_family', RECORD.family);
    field(1, 'skc_state', RECORD.state);
    field(2, 'skc_dport', RECORD.remotePort);
    // The addresses of the other family are what was in that memory before.
    asm.load(2, 1, STACK, BASE + RECORD.family).jumpIf(1, '==', AF_INET6, isV6);
    field(4, 'skc_rcv_saddr', RECORD.localV4);
    field(4, 'skc_daddr', RECORD.remoteV4);
    asm.jump(ports).label(isV6);
    if (btf.offsetIfThere('sock', '__sk_common', 'skc_v6_daddr') !== undefined) {
      field(16, 'skc_v6_rcv_saddr', RECORD.localV6);
      field(16, 'skc_v6_daddr', RECORD.remoteV6);
    }
    asm.label(ports).load(1, 1, STACK, BASE + RECORD.state);
    for (const state of SMALL_STATES) asm.jumpIf(1, '==', state, isSmall);
    // Not skc_num: that is 0 by the time of CLOSE. In network order.
    this.value(2, 1, 7, btf.offset('inet_sock', 'inet_sport'));
    asm.copy(2, 1).compute(2, '>>=', 8).compute(1, '<<=', 8).compute(1, '&=', 0xffff).add(1, 2);
    asm
      .store(2, STACK, BASE + RECORD.localPort, 1)
      .jump(end)
      .label(isSmall);
    field(2, 'skc_num', RECORD.localPort);
    asm.label(end);
  }

  /** The packet in r9 from its IP header on, no further than its end: the memory behind it may hold other data. */
  packet(): void {
    const { asm, btf } = this;
    const [clipped, whole, end] = [this.newLabel(), this.newLabel(), this.newLabel()];
    this.value(4, 8, 9, btf.offset('sk_buff', 'tail'));
    this.value(2, 1, 9, btf.offset('sk_buff', 'network_header'));
    asm.store(8, STACK, SCRATCH, 1).subtract(8, 1);
    // No IP header yet.
    asm.jumpIf(8, '>', 0xffff, end);
    asm.jumpIf(8, '>', PACKET_BYTES, clipped).jump(whole).label(clipped).set(8, PACKET_BYTES).label(whole);
    this.pointer(3, 9, btf.offset('sk_buff', 'head'));
    asm.load(8, 1, STACK, SCRATCH).add(3, 1).copy(2, 8);
    this.stack(1, BASE + RECORD.rest);
    asm.call(HELPER.readKernel).label(end);
  }

  /** Writes the record. Where the ring is full, the namespace counts it as lost. */
  send(size: number): void {
    const { asm } = this;
    asm.map(1, this.maps.ring);
    this.stack(2, BASE);
    asm.set(3, size).set(4, BPF_RB_NO_WAKEUP).call(HELPER.writeToRing).jumpIf(0, '==', 0, 'out');
    asm.load(4, 1, STACK, BASE + RECORD.namespace);
    this.#count(this.maps.namespaces);
    asm.set(1, 0);
    this.#count(this.maps.lost);
  }

  /** Adds one to the value in a map whose key is r1. */
  #count(map: number): void {
    const { asm } = this;
    asm.store(4, STACK, SCRATCH, 1);
    this.stack(2, SCRATCH);
    asm.map(1, map).call(HELPER.lookUp).jumpIf(0, '==', 0, 'out').set(1, 1).addAtomically(0, 0, 1);
  }
}
