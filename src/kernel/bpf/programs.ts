import { statSync } from 'node:fs';
import { Assembler, type Register, type Size, STACK } from './assembler.ts';
import type { Btf } from './btf.ts';
import {
  CALL_ARGUMENTS,
  EVENT_NAMES,
  PACKET_BYTES,
  POINTED_BYTES,
  type RawEventName,
  RECORD,
  RECORD_BYTES,
} from './record.ts';
import { CALLS, registers } from './registers.ts';

/** The kernel's functions that the programs call (include/uapi/linux/bpf.h, enum bpf_func_id). */
const HELPER = {
  lookUp: 1,
  update: 2,
  delete: 3,
  monotonicTime: 5,
  threadIds: 14,
  comm: 16,
  currentTask: 35,
  readUser: 112,
  readKernel: 113,
  threadIdsInNamespace: 120,
  writeToRing: 130,
} as const;

/** This process polls: no program needs to wake it. */
const BPF_RB_NO_WAKEUP = 1;

// The stack, from its end: the record, and below it room for what is read on the way.
const BASE = -RECORD_BYTES.packet;
const WORD = BASE - 8;
const KEY = WORD - 8;
const IDS = KEY - 8;
const CALLING = IDS - 24;

/** A call that has begun and not returned, by its thread. */
export const CALLING_BYTES = 24;

const [AF_INET, AF_INET6] = [2, 10];
const [SOCK_STREAM, IPPROTO_TCP] = [1, 6];
const S_IFMT = 0o170000;
const S_IFSOCK = 0o140000;
/** ETH_P_IP and ETH_P_IPV6, as a little-endian processor reads them. */
const ETHER_TYPES = [0x0008, 0xdd86] as const;

export interface Maps {
  ring: number;
  /** By inode number of the network namespace: how many of its records found the ring full. */
  namespaces: number;
  /** By thread: CALLING_BYTES. */
  calling: number;
  /** One number: how many records of all namespaces found it full. */
  lost: number;
}

/** The drop reasons that are none: the kernel frees what it has used with them. */
const NO_DROPS = ['SKB_NOT_DROPPED_YET', 'SKB_CONSUMED', 'SKB_DROP_REASON_NOT_SPECIFIED'];

/** Whose numbers for processes are this process's: the kernel's number of the device, and the inode, of its PID namespace. */
function pidNamespace(): { device: number; inode: number } {
  const { dev, ino } = statSync('/proc/self/ns/pid');
  // stat(2) writes a device's number in another way than the kernel does (include/linux/kdev_t.h, new_encode_dev).
  const [major, minor] = [(dev >>> 8) & 0xfff, (dev & 0xff) | ((dev >>> 12) & 0xfff00)];
  return { device: (major << 20) | minor, inode: ino };
}

/**
 * Writes the program of one tracepoint for the running kernel: it leaves at once unless the socket, the packet or the process
 * is in one of the namespaces in `maps.namespaces`, and else writes one record (record.ts) into the ring.
 */
export function programFor(event: RawEventName, btf: Btf, maps: Maps): Buffer {
  return new Program(event, btf, maps).write();
}

/**
 * r6 holds the tracepoint's arguments; r7 the socket; r8 what is read on the way; r9 the packet, or the process. The arguments
 * are those of the tracepoint's TP_PROTO (include/trace/events/).
 */
class Program {
  readonly #asm = new Assembler();
  readonly #event: RawEventName;
  readonly #btf: Btf;
  readonly #maps: Maps;
  readonly #sock: (...path: string[]) => number;
  #labels = 0;

  constructor(event: RawEventName, btf: Btf, maps: Maps) {
    this.#event = event;
    this.#btf = btf;
    this.#maps = maps;
    this.#sock = (...path) => btf.offset('sock', '__sk_common', ...path);
  }

  write(): Buffer {
    this.#asm.copy(6, 1);
    switch (this.#event) {
      case 'inet_sock_set_state':
        this.#stateChange();
        break;
      case 'tcp_retransmit_synack':
        // Its socket is the listener; the request that it made is the second argument.
        this.#ofSocket(1);
        break;
      case 'tcp_send_reset':
        this.#reset();
        break;
      case 'kfree_skb':
        this.#drop();
        break;
      case 'sys_enter':
        this.#callBegins();
        break;
      case 'sys_exit':
        this.#callReturns();
        break;
      case 'sched_process_exit':
        this.#processExits();
        break;
      default:
        this.#ofSocket(0);
    }
    return this.#asm.label('out').exit().assemble();
  }

  /** `first` and `second`: the states, by Linux's numbers. */
  #stateChange(): void {
    this.#argument(7, 0);
    this.#value(2, 1, 7, this.#btf.offset('sock', 'sk_protocol'));
    this.#asm.jumpIf(1, '!=', IPPROTO_TCP, 'out');
    this.#namespaceOfSocket(7);
    this.#begin(RECORD_BYTES.bare);
    for (const [index, field] of [RECORD.first, RECORD.second].entries()) {
      this.#argument(1, 1 + index);
      this.#asm.store(8, STACK, BASE + field, 1);
    }
    this.#socket();
    this.#send(RECORD_BYTES.bare);
  }

  #ofSocket(index: number): void {
    this.#argument(7, index);
    this.#namespaceOfSocket(7);
    this.#begin(RECORD_BYTES.bare);
    this.#socket();
    this.#send(RECORD_BYTES.bare);
  }

  /** There may be no socket, and there may be no segment that is answered: then `rest` is empty. */
  #reset(): void {
    this.#argument(7, 0);
    this.#argument(9, 1);
    this.#asm.jumpIf(7, '==', 0, 'no socket');
    this.#readNamespaceOfSocket(7);
    this.#asm.jump('known').label('no socket').jumpIf(9, '==', 0, 'out');
    this.#readNamespaceOfPacket();
    this.#asm.label('known');
    this.#unlessWatched();
    this.#begin(RECORD_BYTES.packet);
    this.#socket();
    this.#asm.jumpIf(9, '==', 0, 'no packet');
    this.#packet();
    this.#asm.label('no packet');
    this.#send(RECORD_BYTES.packet);
  }

  /** `first`: the reason, a number of the kernel's enum skb_drop_reason. */
  #drop(): void {
    const asm = this.#asm;
    const reasons = this.#btf.enumerators('skb_drop_reason');
    this.#argument(9, 0);
    this.#argument(8, 2);
    for (const [number, name] of reasons) if (NO_DROPS.includes(name)) asm.jumpIf(8, '==', number, 'out');
    this.#read(2, 9, this.#btf.offset('sk_buff', 'protocol'), WORD);
    asm.load(2, 1, STACK, WORD);
    for (const type of ETHER_TYPES) asm.jumpIf(1, '==', type, 'is IP');
    asm.jump('out').label('is IP');
    // Whom the packet was for; older kernels do not say (before 6.11).
    if (this.#btf.argumentCount('kfree_skb') === 4) this.#argument(7, 3);
    else asm.set(7, 0);
    asm.jumpIf(7, '!=', 0, 'has socket');
    // Not its own socket first: until IP has it, an arrival still has its sender's (net/core/skbuff.c, skb_scrub_packet).
    this.#pointer(8, 9, this.#btf.offset('sk_buff', 'dev'));
    asm.jumpIf(8, '!=', 0, 'by device');
    this.#pointer(7, 9, this.#btf.offset('sk_buff', 'sk'));
    asm.jumpIf(7, '!=', 0, 'has socket').label('by device');
    this.#readNamespaceOfPacket();
    asm.jump('known').label('has socket');
    this.#readNamespaceOfSocket(7);
    asm.label('known');
    this.#unlessWatched();
    this.#begin(RECORD_BYTES.packet);
    this.#argument(1, 2);
    asm.store(8, STACK, BASE + RECORD.first, 1);
    this.#packet();
    this.#send(RECORD_BYTES.packet);
  }

  /** `first`: the call, by its index in CALLS; `second`: the descriptor. `rest`: the arguments, and what one points to. */
  #callBegins(): void {
    const asm = this.#asm;
    const { numbers, args } = registers();
    this.#argument(8, 1);
    for (const [index, call] of CALLS.entries()) asm.jumpIf(8, '==', numbers[call], `call ${index}`);
    asm.jump('out');
    for (const index of CALLS.keys()) {
      asm.label(`call ${index}`).storeValue(8, STACK, CALLING, index).jump('is call');
    }
    asm.label('is call');
    this.#currentProcess();
    this.#notCompat();
    this.#begin(RECORD_BYTES.call);
    this.#unlessOurselves();
    asm.load(8, 1, STACK, CALLING).store(8, STACK, BASE + RECORD.first, 1);
    this.#argument(8, 0);
    for (const [index, [member, element]] of args.entries()) {
      const offset = this.#btf.offset('pt_regs', member) + element * 8;
      this.#read(8, 8, offset, BASE + RECORD.rest + index * 8);
    }
    asm.load(4, 1, STACK, BASE + RECORD.rest).store(8, STACK, BASE + RECORD.second, 1);
    asm.store(8, STACK, CALLING + 8, 1);
    this.#socketOfDescriptor();
    asm.store(8, STACK, CALLING + 16, 7);
    this.#socket();
    this.#pointedTo();
    this.#thread();
    asm.copy(2, STACK).compute(2, '+=', IDS).copy(3, STACK).compute(3, '+=', CALLING);
    asm.map(1, this.#maps.calling).set(4, 0).call(HELPER.update);
    this.#send(RECORD_BYTES.call);
  }

  /** `first`: the call; `second`: what it returned, a negative errno when it failed. The socket: that of an accept is the new one. */
  #callReturns(): void {
    const asm = this.#asm;
    this.#thread();
    asm.copy(2, STACK).compute(2, '+=', IDS).map(1, this.#maps.calling).call(HELPER.lookUp);
    asm.jumpIf(0, '==', 0, 'out');
    for (const offset of [0, 8, 16]) asm.load(8, 1, 0, offset).store(8, STACK, CALLING + offset, 1);
    asm.copy(2, STACK).compute(2, '+=', IDS).map(1, this.#maps.calling).call(HELPER.delete);
    this.#currentProcess();
    this.#begin(RECORD_BYTES.bare);
    asm.load(8, 1, STACK, CALLING).store(8, STACK, BASE + RECORD.first, 1);
    this.#argument(8, 1);
    asm.store(8, STACK, BASE + RECORD.second, 8);
    asm.load(8, 7, STACK, CALLING + 16).store(8, STACK, BASE + RECORD.socket, 7);
    asm.load(8, 1, STACK, CALLING);
    // After close() its memory may be another's.
    asm.jumpIf(1, '==', CALLS.indexOf('close'), 'filled');
    for (const call of ['accept', 'accept4'] as const) asm.jumpIf(1, '==', CALLS.indexOf(call), 'accepts');
    asm.jump('same socket').label('accepts').copy(1, 8).compute(1, '>>=', 63);
    asm.jumpIf(1, '!=', 0, 'filled');
    this.#socketOfNumber(8);
    asm.label('same socket');
    this.#socket();
    asm.label('filled');
    this.#send(RECORD_BYTES.bare);
  }

  /** The last thread of a process: what it leaves open, the kernel closes next. `second`: its status, as wait(2) gives it. */
  #processExits(): void {
    this.#currentProcess();
    this.#pointer(8, 9, this.#btf.offset('task_struct', 'signal'));
    this.#read(4, 8, this.#btf.offset('signal_struct', 'live', 'counter'), WORD);
    this.#asm.load(4, 1, STACK, WORD).jumpIf(1, '!=', 0, 'out');
    this.#begin(RECORD_BYTES.bare);
    this.#unlessOurselves();
    this.#read(4, 9, this.#btf.offset('task_struct', 'exit_code'), BASE + RECORD.second);
    this.#send(RECORD_BYTES.bare);
  }

  #argument(to: Register, index: number): void {
    this.#asm.load(8, to, 6, index * 8);
  }

  /** Copies kernel memory to the stack; zeros where there is none. */
  #read(size: number, from: Register, offset: number, to: number): void {
    this.#asm.copy(3, from).compute(3, '+=', offset);
    this.#asm.copy(1, STACK).compute(1, '+=', to).set(2, size).call(HELPER.readKernel);
  }

  #pointer(to: Register, from: Register, offset: number): void {
    this.#read(8, from, offset, WORD);
    this.#asm.load(8, to, STACK, WORD);
  }

  #value(size: Size, to: Register, from: Register, offset: number): void {
    this.#read(size, from, offset, WORD);
    this.#asm.load(size, to, STACK, WORD);
  }

  #namespaceOfSocket(socket: Register): void {
    this.#readNamespaceOfSocket(socket);
    this.#unlessWatched();
  }

  #readNamespaceOfSocket(socket: Register): void {
    this.#pointer(8, socket, this.#sock('skc_net', 'net'));
    this.#readInode();
  }

  /** By its device, or by where it is routed to. */
  #readNamespaceOfPacket(): void {
    const device = ['net_device', 'nd_net', 'net'] as const;
    const found = this.#newLabel();
    this.#pointer(8, 9, this.#btf.offset('sk_buff', 'dev'));
    this.#asm.jumpIf(8, '!=', 0, found);
    this.#pointer(8, 9, this.#btf.offset('sk_buff', '_skb_refdst'));
    // The lowest bit says whether the reference is counted (include/linux/skbuff.h, SKB_DST_NOREF).
    this.#asm.compute(8, '&=', -2);
    this.#pointer(8, 8, this.#btf.offset('dst_entry', 'dev'));
    this.#asm.label(found);
    this.#pointer(8, 8, this.#btf.offset(...device));
    this.#readInode();
  }

  #readInode(): void {
    this.#read(4, 8, this.#btf.offset('net', 'ns', 'inum'), KEY);
  }

  #unlessWatched(): void {
    this.#asm.copy(2, STACK).compute(2, '+=', KEY).map(1, this.#maps.namespaces).call(HELPER.lookUp);
    this.#asm.jumpIf(0, '==', 0, 'out');
  }

  /** r9 is the process, if it is in a watched namespace. */
  #currentProcess(): void {
    this.#asm.call(HELPER.currentTask).copy(9, 0);
    this.#pointer(8, 9, this.#btf.offset('task_struct', 'nsproxy'));
    this.#pointer(8, 8, this.#btf.offset('nsproxy', 'net_ns'));
    this.#readInode();
    this.#unlessWatched();
  }

  /** A 32-bit process numbers its calls in another way. */
  #notCompat(): void {
    const { path, bits } = registers().compat;
    const offset = this.#btf.offsetIfThere('task_struct', ...path);
    if (offset === undefined) return;
    this.#value(4, 1, 9, offset);
    this.#asm.jumpIf(1, '&', bits, 'out');
  }

  /** Clears the record and fills in what all have. The namespace is in KEY. */
  #begin(size: number): void {
    const asm = this.#asm;
    for (let offset = 0; offset < size; offset += 8) asm.storeValue(8, STACK, BASE + offset, 0);
    asm.call(HELPER.monotonicTime).store(8, STACK, BASE + RECORD.at, 0);
    asm.load(4, 1, STACK, KEY).store(4, STACK, BASE + RECORD.namespace, 1);
    asm.storeValue(4, STACK, BASE + RECORD.event, EVENT_NAMES.indexOf(this.#event));
    this.#threadIds();
    asm
      .copy(1, STACK)
      .compute(1, '+=', BASE + RECORD.comm)
      .set(2, 16)
      .call(HELPER.comm);
  }

  /** struct bpf_pidns_info: the process, then the thread — in the kernel's words, pid and tgid. */
  #threadIds(): void {
    const { device, inode } = pidNamespace();
    const asm = this.#asm;
    asm.storeValue(8, STACK, IDS, 0);
    asm
      .set(1, device)
      .set(2, inode | 0)
      .compute(2, '<<=', 32)
      .compute(2, '>>=', 32);
    asm.copy(3, STACK).compute(3, '+=', IDS).set(4, 8).call(HELPER.threadIdsInNamespace);
    asm.load(4, 1, STACK, IDS).store(4, STACK, BASE + RECORD.thread, 1);
    asm.load(4, 1, STACK, IDS + 4).store(4, STACK, BASE + RECORD.pid, 1);
  }

  #unlessOurselves(): void {
    this.#asm.load(4, 1, STACK, BASE + RECORD.pid).jumpIf(1, '==', process.pid, 'out');
  }

  #thread(): void {
    this.#asm.call(HELPER.threadIds).store(8, STACK, IDS, 0);
  }

  /** The fields of r7 (struct sock_common): of a request and a TIME-WAIT as well. */
  #socket(): void {
    const asm = this.#asm;
    const end = this.#newLabel();
    asm.store(8, STACK, BASE + RECORD.socket, 7).jumpIf(7, '==', 0, end);
    const field = (size: number, name: string, to: number) =>
      this.#read(size, 7, this.#sock(name), BASE + to);
    field(2, 'skc_family', RECORD.family);
    field(1, 'skc_state', RECORD.state);
    field(2, 'skc_dport', RECORD.remotePort);
    field(4, 'skc_rcv_saddr', RECORD.localV4);
    field(4, 'skc_daddr', RECORD.remoteV4);
    const v6 = this.#btf.offsetIfThere('sock', '__sk_common', 'skc_v6_daddr') !== undefined;
    if (v6) {
      field(16, 'skc_v6_rcv_saddr', RECORD.localV6);
      field(16, 'skc_v6_daddr', RECORD.remoteV6);
    }
    if (this.#event === 'tcp_retransmit_synack') {
      field(2, 'skc_num', RECORD.localPort);
    } else {
      // Not skc_num: that is 0 by the time of CLOSE. In network order.
      this.#value(2, 1, 7, this.#btf.offset('inet_sock', 'inet_sport'));
      this.#swapped(1);
      asm.store(2, STACK, BASE + RECORD.localPort, 1);
    }
    asm.label(end);
  }

  /** Turns 16 bits around, in a register whose other bits are zero. */
  #swapped(register: Register): void {
    const asm = this.#asm;
    asm.copy(2, register).compute(2, '>>=', 8).compute(register, '<<=', 8);
    asm.compute(register, '&=', 0xffff).add(register, 2);
  }

  /** From the IP header of r9 on. */
  #packet(): void {
    const asm = this.#asm;
    this.#value(2, 8, 9, this.#btf.offset('sk_buff', 'network_header'));
    this.#pointer(1, 9, this.#btf.offset('sk_buff', 'head'));
    asm.add(8, 1);
    this.#read(PACKET_BYTES, 8, 0, BASE + RECORD.rest);
  }

  /** r7 becomes the TCP socket of the descriptor that the call names first. */
  #socketOfDescriptor(): void {
    this.#asm.load(4, 8, STACK, BASE + RECORD.rest);
    this.#socketOfNumber(8);
  }

  /** r7 becomes the TCP socket of a descriptor of r9 (fs/file.c, files_lookup_fd_raw). The record's `rest` is not touched. */
  #socketOfNumber(descriptor: Register): void {
    const asm = this.#asm;
    const btf = this.#btf;
    asm.store(8, STACK, IDS, descriptor);
    this.#pointer(7, 9, btf.offset('task_struct', 'files'));
    this.#pointer(7, 7, btf.offset('files_struct', 'fdt'));
    this.#value(4, 8, 7, btf.offset('fdtable', 'max_fds'));
    asm.load(4, 1, STACK, IDS).jumpIfAtLeast(1, 8, 'out');
    this.#pointer(7, 7, btf.offset('fdtable', 'fd'));
    asm.load(4, 1, STACK, IDS).compute(1, '<<=', 3).add(7, 1);
    this.#pointer(7, 7, 0);
    this.#pointer(8, 7, btf.offset('file', 'f_inode'));
    this.#value(2, 1, 8, btf.offset('inode', 'i_mode'));
    asm.compute(1, '&=', S_IFMT).jumpIf(1, '!=', S_IFSOCK, 'out');
    this.#pointer(7, 7, btf.offset('file', 'private_data'));
    this.#pointer(7, 7, btf.offset('socket', 'sk'));
    this.#value(2, 1, 7, btf.offset('sock', 'sk_type'));
    asm.jumpIf(1, '!=', SOCK_STREAM, 'out');
    this.#value(2, 1, 7, btf.offset('sock', 'sk_protocol'));
    asm.jumpIf(1, '!=', IPPROTO_TCP, 'out');
    this.#value(2, 1, 7, this.#sock('skc_family'));
    asm.jumpIf(1, '==', AF_INET, 'is TCP').jumpIf(1, '==', AF_INET6, 'is TCP').jump('out').label('is TCP');
  }

  /** The address of connect() and the value of setsockopt(), as far as there is room. */
  #pointedTo(): void {
    const asm = this.#asm;
    const to = BASE + RECORD.rest + CALL_ARGUMENTS * 8;
    asm.load(8, 1, STACK, CALLING);
    asm
      .jumpIf(1, '==', CALLS.indexOf('connect'), 'address')
      .jumpIf(1, '==', CALLS.indexOf('setsockopt'), 'value');
    asm.jump('done');
    const copy = (pointer: number, length: number, next: string) => {
      const [clipped, all] = [this.#newLabel(), this.#newLabel()];
      asm.load(4, 2, STACK, BASE + RECORD.rest + length * 8);
      asm.jumpIf(2, '>', POINTED_BYTES, clipped).jump(all).label(clipped).set(2, POINTED_BYTES).label(all);
      asm.load(8, 3, STACK, BASE + RECORD.rest + pointer * 8);
      asm.copy(1, STACK).compute(1, '+=', to).call(HELPER.readUser).jump(next);
    };
    asm.label('address');
    copy(1, 2, 'done');
    asm.label('value');
    copy(3, 4, 'done');
    asm.label('done');
  }

  /** Writes the record. Where the ring is full, the namespace counts it as lost. */
  #send(size: number): void {
    const asm = this.#asm;
    asm.map(1, this.#maps.ring).copy(2, STACK).compute(2, '+=', BASE).set(3, size);
    asm.set(4, BPF_RB_NO_WAKEUP).call(HELPER.writeToRing).jumpIf(0, '==', 0, 'out');
    asm.load(4, 1, STACK, BASE + RECORD.namespace);
    this.#count(1, this.#maps.namespaces);
    asm.set(1, 0);
    this.#count(1, this.#maps.lost);
  }

  /** Adds one to the value of a map's key. */
  #count(key: Register, map: number): void {
    const asm = this.#asm;
    asm.store(4, STACK, KEY, key);
    asm.copy(2, STACK).compute(2, '+=', KEY).map(1, map).call(HELPER.lookUp);
    asm.jumpIf(0, '==', 0, 'out').set(1, 1).addAtomically(0, 0, 1);
  }

  #newLabel(): string {
    return `label ${++this.#labels}`;
  }
}
