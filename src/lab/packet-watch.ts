import type { HostName, TimelineEvent } from '../evidence/events.ts';
import { monotonicNs } from '../kernel/clock.ts';
import { type LoggedPacket, PacketLog } from '../kernel/nflog.ts';
import { PacketCapture } from '../kernel/packet-capture.ts';
import { decodePacket, type WirePacket } from '../tcp/segment.ts';

/** The NFLOG group of all rules of a host that is the lab's own. */
export const LOG_GROUP = 1;

/**
 * Packets are read before and after each act of tcplab, so that a doubtful time is on the right side of it all the same. Then less
 * than this is but a small error among packets whose order is known.
 */
const HARMLESS_NS = 5_000_000n;

interface Options {
  name: HostName;
  capture: PacketCapture;
  logGroup: number;
  /** Which packets are the lab's. Default: all, on a host without other traffic. */
  concerns?: ((wire: WirePacket) => boolean) | undefined;
  startNs: bigint;
  emit: (event: TimelineEvent) => void;
}

/** The packets of one host: those that its capture saw, and those that its rules decided on. */
export class PacketWatch {
  readonly #options: Options;
  readonly #captures: PacketCapture[];
  readonly #log: PacketLog;
  /** By how much times since the last call may be wrong. */
  #doubtNs = 0n;
  /** Nothing was lost before that. */
  #readMs: number;

  /** In the namespace in which the thread is now. */
  constructor(options: Options) {
    this.#options = options;
    this.#captures = [options.capture];
    this.#log = new PacketLog(options.logGroup);
    this.#readMs = this.#nowMs();
  }

  /** Reads what passes the loopback from and to this address too, from now on. In the namespace in which the thread is now. */
  addLoopback(address: string): void {
    this.#captures.push(new PacketCapture('lo', address));
  }

  /**
   * Puts what has come since the last call onto the timeline. Gives how many there were. Of what a rule dropped on its way out,
   * the log has no time; `droppedAtNs` may know it (CLOCK_MONOTONIC).
   */
  read(droppedAtNs: (packet: Buffer) => bigint | undefined): number {
    const { name: host, emit } = this.#options;
    const sinceMs = this.#readMs;
    this.#readMs = this.#nowMs();
    let count = 0;
    for (const capture of this.#captures) count += this.#readCapture(capture);
    const logged = this.#log.read();
    const missed = (what: string) =>
      emit({ type: 'lost', atMs: this.#nowMs(), witness: 'packets', host, what, sinceMs });
    for (const capture of this.#captures) {
      const lost = capture.takeLost();
      if (lost > 0) missed(`the capture lost ${lost} packets because its buffer was full`);
      const deleted = capture.takeDeleted();
      if (deleted !== undefined)
        missed(`interface ${deleted} was deleted: the capture sees no packet after that`);
    }
    if (this.#log.takeLost()) missed('the packet log overflowed: some dropped packets are missing');
    const stamps = this.#stampsOf(logged, droppedAtNs);
    for (const [index, { hook, prefix, packet, doubtNs }] of logged.entries()) {
      const wire = this.#decode(packet);
      // Another owner's rule may log to the same group.
      if (!wire || !/^[1-9]\d*$/.test(prefix)) continue;
      const atMs = stamps[index] ?? this.#nowMs();
      this.#doubt(doubtNs);
      const bytes = packet.toString('base64');
      emit({ type: 'dropped', atMs, host, rule: Number(prefix), hook, wire, bytes });
      count++;
    }
    if (this.#doubtNs > HARMLESS_NS) {
      const doubtMs = Math.ceil(Number(this.#doubtNs) / 1000) / 1000;
      missed(`the system clock was set: times of packets may be wrong by ${doubtMs} ms`);
    }
    this.#doubtNs = 0n;
    return count;
  }

  #doubt(doubtNs: bigint): void {
    if (doubtNs > this.#doubtNs) this.#doubtNs = doubtNs;
  }

  /** A rule logs a packet, replies to it, then drops it, so no packet can be later than the one logged after it. */
  #stampsOf(logged: readonly LoggedPacket[], droppedAtNs: (packet: Buffer) => bigint | undefined): number[] {
    let nextMs = this.#nowMs();
    return logged
      .toReversed()
      .map(({ atNs, packet }) => {
        if (atNs !== null) return this.#toMs(atNs);
        const droppedNs = droppedAtNs(packet);
        nextMs = Math.min(nextMs, droppedNs === undefined ? nextMs : this.#toMs(droppedNs));
        return nextMs;
      })
      .reverse();
  }

  /** Gives how many there were. */
  #readCapture(capture: PacketCapture): number {
    const { name: host, emit } = this.#options;
    let count = 0;
    for (const { atNs, doubtNs, direction, packet } of capture.packets()) {
      const wire = this.#decode(packet);
      if (!wire) continue;
      this.#doubt(doubtNs);
      const bytes = packet.toString('base64');
      emit({ type: 'captured', atMs: this.#toMs(atNs), host, direction, wire, bytes });
      count++;
    }
    return count;
  }

  #decode(packet: Buffer): WirePacket | undefined {
    const wire = decodePacket(packet);
    return wire && (this.#options.concerns?.(wire) ?? true) ? wire : undefined;
  }

  /** With the captures. */
  async close(): Promise<void> {
    this.closeLog();
    await Promise.all(this.#captures.map((capture) => capture.close()));
  }

  closeLog(): void {
    this.#log.close();
  }

  #nowMs(): number {
    return this.#toMs(monotonicNs());
  }

  #toMs(ns: bigint): number {
    return Number(ns - this.#options.startNs) / 1e6;
  }
}
