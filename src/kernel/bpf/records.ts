import { addressText, type Endpoint } from '../../tcp/endpoint.ts';
import type { KernelRecord } from '../../tcp/kernel-event.ts';
import { decodePacket } from '../../tcp/segment.ts';
import { type State, stateOfLinux } from '../../tcp/state.ts';
import { errnoName } from '../libc.ts';
import { AF_INET6 } from '../socket-address.ts';
import { callDetail } from './call-detail.ts';
import { EVENT_NAMES, PACKET_BYTES, RECORD } from './record.ts';
import { CALLS } from './registers.ts';

/** In the place of both states, where the program of inet_sock_set_state is run to be asked for a socket. */
export const QUESTION = 0n;

/** The kernel's data of a socket at the time of the query. */
export interface Answer {
  name: 'answer';
  socket: bigint;
  state: State;
  local: Endpoint;
  remote: Endpoint;
}

/** Reads the records that the programs write. */
export class RecordReader {
  readonly #reasons: ReadonlyMap<number, string>;
  readonly #clockOffsetNs: bigint;

  /** `reasons`: the running kernel's drop reasons. `clockOffsetNs`: from the machine's monotonic clock to this process's. */
  constructor(reasons: ReadonlyMap<number, string>, clockOffsetNs: bigint) {
    this.#reasons = reasons;
    this.#clockOffsetNs = clockOffsetNs;
  }

  /** Undefined if the record is not about TCP. */
  read(record: Buffer): KernelRecord | Answer | undefined {
    const name = EVENT_NAMES[record.readUInt32LE(RECORD.event)];
    const recorded = {
      atNs: record.readBigUInt64LE(RECORD.at) + this.#clockOffsetNs,
      pid: record.readUInt32LE(RECORD.pid),
      namespace: record.readUInt32LE(RECORD.namespace),
    };
    const first = Number(record.readBigInt64LE(RECORD.first));
    const second = Number(record.readBigInt64LE(RECORD.second));
    const socket = record.readBigUInt64LE(RECORD.socket);
    const traced = { ...recorded, socket, ...endpointsOf(record) };
    const thread = record.readUInt32LE(RECORD.thread);
    switch (name) {
      case undefined:
        return undefined;
      case 'inet_sock_set_state':
        if (first === Number(QUESTION))
          return { name: 'answer', ...traced, state: stateOfLinux(record.readUInt8(RECORD.state)) };
        return { name, ...traced, from: stateOfLinux(first), to: stateOfLinux(second) };
      case 'tcp_send_reset': {
        const answered = answeredBy(record) ?? (socket === 0n ? undefined : traced);
        return answered && { name, ...traced, ...answered };
      }
      case 'kfree_skb': {
        const reason = this.#reasons.get(first) ?? `reason ${first}`;
        return { name, ...recorded, reason, packet: packetOf(record) };
      }
      case 'sys_enter': {
        const call = CALLS[first] ?? 'close';
        const detail = callDetail(call, record.subarray(RECORD.rest));
        return { name, ...traced, thread, comm: commOf(record), call, fd: second, detail };
      }
      case 'sys_exit': {
        const result = second < 0 ? failure(-second) : String(second);
        return { name, ...traced, thread, comm: commOf(record), call: CALLS[first] ?? 'close', result };
      }
      case 'sched_process_exit':
        return { name, ...recorded, comm: commOf(record), status: shellStatus(second) };
      default:
        return { name, ...traced };
    }
  }
}

function endpointsOf(record: Buffer): { local: Endpoint; remote: Endpoint } {
  const v6 = record.readUInt16LE(RECORD.family) === AF_INET6;
  const address = (v4: number, v6At: number) =>
    addressText(v6 ? record.subarray(v6At, v6At + 16) : record.subarray(v4, v4 + 4));
  return {
    local: { address: address(RECORD.localV4, RECORD.localV6), port: record.readUInt16LE(RECORD.localPort) },
    remote: {
      address: address(RECORD.remoteV4, RECORD.remoteV6),
      port: record.readUInt16BE(RECORD.remotePort),
    },
  };
}

/** The ends are from the segment that the RST replies to: there may be no socket, or only a listener. */
function answeredBy(record: Buffer): { local: Endpoint; remote: Endpoint } | undefined {
  const wire = decodePacket(packetOf(record));
  return wire?.kind === 'tcp' ? { local: wire.segment.destination, remote: wire.segment.source } : undefined;
}

function packetOf(record: Buffer): Buffer {
  return Buffer.from(record.subarray(RECORD.rest, RECORD.rest + PACKET_BYTES));
}

function commOf(record: Buffer): string {
  return record
    .toString('utf8', RECORD.comm, RECORD.comm + 16)
    .replace(/\0.*$/s, '')
    .replaceAll(/\s/g, ' ');
}

/** The kernel calls again what a signal interrupts, or turns these into EINTR (include/linux/errno.h); names as of strace. */
const RESTARTS: Readonly<Record<number, string>> = {
  512: 'ERESTARTSYS',
  513: 'ERESTARTNOINTR',
  514: 'ERESTARTNOHAND',
  516: 'ERESTART_RESTARTBLOCK',
};

function failure(errno: number): string {
  return RESTARTS[errno] ?? errnoName(errno);
}

/** From the status that wait(2) gives. */
function shellStatus(status: number): number {
  const signal = status & 0x7f;
  return signal === 0 ? (status >> 8) & 0xff : 128 + signal;
}
