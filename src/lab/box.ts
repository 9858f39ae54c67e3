import type { Captured, TimelineEvent } from '../evidence/events.ts';
import { monotonicNs } from '../kernel/clock.ts';
import { Conntrack, type ConntrackEntry } from '../kernel/conntrack.ts';
import { DisposableStack } from '../kernel/disposable-stack.ts';
import type { NetworkNamespace } from '../kernel/namespace.ts';
import { PacketLog } from '../kernel/nflog.ts';
import { Nftables } from '../kernel/nftables.ts';
import { writeSysctl } from '../kernel/sysctl.ts';
import { type Endpoint, type Family, formatEndpoint } from '../tcp/endpoint.ts';
import { decodePacket } from '../tcp/segment.ts';
import {
  type BoxPlan,
  boxCommands,
  boxRuleCommand,
  boxRuleText,
  boxSysctls,
  boxTable,
  boxTracks,
} from './box-plan.ts';
import { LOG_GROUP } from './packet-watch.ts';

interface BoxOptions {
  plan: BoxPlan;
  namespace: NetworkNamespace;
  family: Family;
  address: string;
  startNs: bigint;
  emit: (event: TimelineEvent) => void;
}

interface Tracked {
  from: Endpoint;
  to: Endpoint;
  /** As the timeline has it; null before the first and after the last. */
  shown: string | null;
}

/** Each poll asks for so many connections: those that began last. */
const MOST_TRACKED = 64;

/** A host between client and server that forwards their packets: a router, which may track connections and drop what it does not know. */
export class Box {
  readonly #options: BoxOptions;
  readonly #conntrack: Conntrack | undefined;
  readonly #nftables: Nftables;
  readonly #log: PacketLog;
  readonly #tracked = new Map<string, Tracked>();
  #drops = 0;

  constructor(options: BoxOptions) {
    this.#options = options;
    const { plan, family, namespace, address, emit } = options;
    using undo = new DisposableStack();
    [this.#nftables, this.#log, this.#conntrack] = namespace.enter(() => {
      writeSysctl(family === 'ipv6' ? 'net.ipv6.conf.all.forwarding' : 'net.ipv4.ip_forward', 1);
      const nftables = new Nftables();
      undo.defer(() => nftables.close());
      const log = new PacketLog(LOG_GROUP);
      undo.defer(() => log.close());
      const rules = plan.rules.map((rule, index) =>
        boxRuleCommand(rule, family, { number: index + 1, group: LOG_GROUP }),
      );
      if (rules.length > 0) nftables.run([...boxTable(plan), ...rules, ''].join('\n'));
      // Its sysctls exist once something tracks.
      for (const [name, value] of Object.entries(boxSysctls(plan))) writeSysctl(name, value);
      const conntrack = boxTracks(plan) ? new Conntrack() : undefined;
      undo.defer(() => conntrack?.close());
      return [nftables, log, conntrack];
    });
    undo.move();
    emit({
      type: 'box-opened',
      atMs: this.#nowMs(),
      address,
      rules: plan.rules.map((rule, index) => ({
        rule: index + 1,
        text: boxRuleText(rule, family),
        nft: `nft ${boxRuleCommand(rule, family)}`,
      })),
      sysctls: boxSysctls(plan),
      mtu: plan.mtu ?? null,
      tracks: boxTracks(plan),
    });
  }

  /** The commands with which a person would set it up. */
  get commands(): string[] {
    return boxCommands(this.#options.plan, this.#options.family);
  }

  /** How many packets its rules have dropped or rejected, as of the last poll. */
  get drops(): number {
    return this.#drops;
  }

  /** What its connection tracking has of a connection. `from`: the sender of the first packet. */
  entry(from: Endpoint, to: Endpoint): ConntrackEntry | undefined {
    this.#poll();
    return this.#conntrack?.get(from, to);
  }

  /** Removes its entry of a connection, as a restart, a failover or `conntrack -D` does. Returns whether there was one. */
  forget(from: Endpoint, to: Endpoint): boolean {
    this.#poll();
    const had = this.#conntrack?.delete(from, to) ?? false;
    const tracked = this.#tracked.get(keyOf(from, to));
    if (had && tracked?.shown) {
      tracked.shown = null;
      this.#options.emit({ type: 'box-entry', atMs: this.#nowMs(), from, to, entry: null, forgotten: true });
    }
    return had;
  }

  /** Runs work, or starts a program, in the namespace of the box. */
  get enter(): NetworkNamespace['enter'] {
    return this.#options.namespace.enter.bind(this.#options.namespace);
  }

  /** Takes note of a connection that begins. */
  meet({ direction, wire }: Captured): void {
    if (!this.#conntrack || direction !== 'sent' || wire.kind !== 'tcp') return;
    const { flags, source: from, destination: to } = wire.segment;
    if (!flags.includes('S') || flags.includes('.')) return;
    const key = keyOf(from, to);
    if (this.#tracked.has(key)) return;
    this.#tracked.set(key, { from, to, shown: null });
    const [oldest] = this.#tracked.keys();
    if (oldest !== undefined && this.#tracked.size > MOST_TRACKED) this.#tracked.delete(oldest);
  }

  /** Puts onto the timeline what its rules have dropped, and what has changed in its entries, since the last call. */
  observe(): void {
    const { emit } = this.#options;
    for (const { prefix, atNs, packet } of this.#log.read()) {
      const wire = decodePacket(packet);
      if (!wire) continue;
      const atMs = atNs === null ? this.#nowMs() : Number(atNs - this.#options.startNs) / 1e6;
      emit({ type: 'box-dropped', atMs, rule: Number(prefix), wire, bytes: packet.toString('base64') });
      this.#drops++;
    }
    if (this.#log.takeLost()) {
      const text = 'the packet log of the box overflowed: some packets that it dropped are missing';
      emit({ type: 'noted', atMs: this.#nowMs(), text });
    }
    this.#poll();
  }

  close(): void {
    this.#conntrack?.close();
    this.#log.close();
    this.#nftables.close();
    this.#options.namespace.close();
  }

  #poll(): void {
    for (const tracked of this.#tracked.values()) {
      const { from, to } = tracked;
      const entry = this.#conntrack?.get(from, to) ?? null;
      const shown = entry && JSON.stringify([entry.state, entry.replied, entry.assured]);
      if (shown === tracked.shown) continue;
      tracked.shown = shown;
      this.#options.emit({ type: 'box-entry', atMs: this.#nowMs(), from, to, entry });
    }
  }

  #nowMs(): number {
    return Number(monotonicNs() - this.#options.startNs) / 1e6;
  }
}

function keyOf(from: Endpoint, to: Endpoint): string {
  return `${formatEndpoint(from)} ${formatEndpoint(to)}`;
}
