import { TcplabError } from '../error.ts';
import { addressText, type Endpoint } from '../tcp/endpoint.ts';
import { PROTOCOL } from '../tcp/headers.ts';
import type { KernelEvent, KernelEventName } from '../tcp/kernel-event.ts';
import { stateOfLinux } from '../tcp/state.ts';
import { endpointOfSocketAddress } from './socket-address.ts';

/** The number that the records of an event carry, by its `format` file (Documentation/trace/events.rst). */
export function eventId(format: string): number {
  return Number(/^ID: (\d+)/m.exec(format)?.[1]);
}

/** Reads the records of an event, with the field offsets of its `format` file. */
export class Decoder {
  readonly id: number;
  readonly #name: KernelEventName;
  readonly #fields = new Map<string, { offset: number; size: number }>();

  constructor(name: KernelEventName, format: string) {
    this.#name = name;
    this.id = eventId(format);
    for (const [, field = '', offset, size] of format.matchAll(FIELD)) {
      this.#fields.set(field, { offset: Number(offset), size: Number(size) });
    }
    const needed = ['skaddr', 'saddr', 'daddr', ...(this.#hasPorts ? ['saddr_v6', 'daddr_v6', 'dport'] : [])];
    if (name === 'inet_sock_set_state') needed.push('protocol', 'oldstate', 'newstate');
    // Now, and not at the first record.
    for (const field of needed) this.#at(field);
  }

  decode(record: Buffer, atNs: bigint, pid: number): KernelEvent | undefined {
    const traced = {
      atNs,
      pid,
      namespace: null,
      socket: record.readBigUInt64LE(this.#at('skaddr')),
      local: this.#endpoint(record, 'saddr', 'sport'),
      remote: this.#endpoint(record, 'daddr', 'dport'),
    };
    const name = this.#name;
    if (name !== 'inet_sock_set_state') return { name, ...traced };
    // One byte before Linux 5.6.
    const protocol = record.readUIntLE(this.#at('protocol'), this.#fields.get('protocol')?.size ?? 2);
    if (protocol !== PROTOCOL.tcp) return undefined;
    const from = stateOfLinux(record.readInt32LE(this.#at('oldstate')));
    const to = stateOfLinux(record.readInt32LE(this.#at('newstate')));
    return { name, ...traced, from, to };
  }

  #at(field: string): number {
    const { offset } = this.#fields.get(field) ?? {};
    if (offset === undefined)
      throw new TcplabError('MACHINE', `this kernel's ${this.#name} has no field ${field}`);
    return offset;
  }

  /** tcp_send_reset holds whole socket addresses instead (struct sockaddr_in6). */
  get #hasPorts(): boolean {
    return this.#fields.has('sport');
  }

  #endpoint(record: Buffer, address: string, port: string): Endpoint {
    const at = this.#at(address);
    if (!this.#hasPorts) return endpointOfSocketAddress(record.subarray(at));
    // That of an IPv4 socket is an IPv4-mapped one.
    const bytes = record.subarray(this.#at(`${address}_v6`), this.#at(`${address}_v6`) + 16);
    return { address: addressText(bytes), port: record.readUInt16LE(this.#at(port)) };
  }
}

const FIELD = /field:[^;]*?(\w+)(?:\[\d+\])?;\s+offset:(\d+);\s+size:(\d+);/g;
