import { TcplabError } from '../error.ts';
import { fitting, host as hostName, milliseconds, mustFit, port, work } from '../evidence/arguments.ts';
import { type HostName, TIMELINE_FORMAT, type TimelineEvent } from '../evidence/events.ts';
import { COUNTED_AFTER_MS, isWatched } from '../evidence/foreign-rules.ts';
import { settle } from '../evidence/packet-index.ts';
import { boolean, type Fields, object, oneOf, optional } from '../evidence/shape.ts';
import { Timeline } from '../evidence/timeline.ts';
import { monotonicNs } from '../kernel/clock.ts';
import type { Endpoint, Family } from '../tcp/endpoint.ts';
import type { SocketRow } from '../tcp/socket-row.ts';
import type { Box } from './box.ts';
import type { FirewallKind } from './firewall.ts';
import { guarded } from './guarded-host.ts';
import { COUNTED_WITHIN_MS, type Host } from './host.ts';
import { openNamespacePair } from './namespace-pair.ts';
import type { HostPair, OpenPair } from './pair.ts';
import { SETTING_FIELDS, type Settings, setSysctls, settingsAsked, withSettings } from './settings.ts';
import { until, type WaitedFor } from './until.ts';

export interface LabOptions extends Settings {
  /** Default: `ipv4`. */
  family?: Family;
  /** What sets the rules; default: `nft`. */
  firewall?: FirewallKind;
  /** The port of the server; default: 80, or a free port if the hosts are not the lab's own. */
  serverPort?: number | undefined;
  /** Others act in it, in any way they like, and tcplab only watches. */
  watched?: boolean;
  /** Opens the two hosts; default: two namespaces of the lab's own. */
  hosts?: OpenPair | undefined;
  /** When its clock is zero (CLOCK_MONOTONIC, nanoseconds), to compare its times with another lab's; default: now. */
  startNs?: bigint | undefined;
}

export const LAB_FIELDS: Fields<LabOptions> = {
  family: optional(oneOf('ipv4', 'ipv6')),
  firewall: optional(oneOf('nft', 'iptables')),
  serverPort: optional(port),
  watched: optional(boolean()),
  hosts: optional(work<OpenPair>()),
  startNs: optional(fitting('a bigint', (value) => typeof value === 'bigint')),
  ...SETTING_FIELDS,
};
const LAB = object<LabOptions>(LAB_FIELDS);

/** The socket tables of both hosts, read at about one moment. */
export type Tables = Record<HostName, SocketRow[]>;

/** An event of another machine waits until its place among the others is known. */
const LATE_ELSEWHERE_MS = 2000;

/** Two hosts and the wire between them. Nothing of it is left once it is disposed of, or the process has ended. */
export class Lab implements AsyncDisposable {
  readonly timeline: Timeline;
  readonly client: Host;
  readonly server: Host;
  readonly family: Family;
  readonly serverPort: number;
  /** What was asked for; what came of it is on the timeline. */
  readonly settings: Settings;
  readonly #pair: HostPair;
  readonly #startNs: bigint;
  readonly #endTimeline: () => void;
  #nextPort: number;
  #isOver = false;
  #disposed: Promise<void> | undefined;

  private constructor(parts: {
    timeline: Timeline;
    pair: HostPair;
    family: Family;
    startNs: bigint;
    endTimeline: () => void;
    settings: Settings;
  }) {
    this.timeline = parts.timeline;
    this.client = guarded(withSettings(parts.pair.client, parts.settings));
    this.server = guarded(withSettings(parts.pair.server, parts.settings));
    this.family = parts.family;
    this.serverPort = parts.pair.serverPort;
    this.settings = parts.settings;
    this.#pair = parts.pair;
    this.#startNs = parts.startNs;
    this.#endTimeline = parts.endTimeline;
    this.#nextPort = parts.pair.clientPorts.first;
  }

  /**
   * In namespaces of its own it takes some 3 ms, the first of a process with root 50 ms more, and needs the privileges that
   * `doctor` tells of. Throws USAGE for a setting that a host's kernel rejects.
   */
  static async open(options: LabOptions = {}): Promise<Lab> {
    mustFit('Lab.open() options', LAB, options, "example: Lab.open({ family: 'ipv6', serverPort: 8080 })");
    const { family = 'ipv4', firewall = 'nft', serverPort, hosts = openNamespacePair } = options;
    const { clientPort, watched = false } = options;
    const settings = settingsAsked(options);
    const { startNs = monotonicNs() } = options;
    const startedAt = new Date().toISOString();
    const timeline = new Timeline();
    let isOver = false;
    // What its own end causes is not part of the story.
    const emit = (event: TimelineEvent) => {
      if (!isOver) timeline.add(event);
    };
    const pair = await hosts({ family, firewall, serverPort, clientPort, watched, startNs, emit });
    timeline.add({
      type: 'lab-opened',
      atMs: 0,
      format: TIMELINE_FORMAT,
      startedAt,
      family,
      ...pair.about,
      settings,
      ...(watched ? { watched } : {}),
    });
    const endTimeline = () => {
      isOver = true;
    };
    try {
      for (const name of ['client', 'server'] as const)
        await setSysctls(pair[name], options.sysctls?.[name] ?? {});
      return new Lab({ timeline, pair, family, startNs, endTimeline, settings: options });
    } catch (error) {
      await pair.dispose();
      throw error;
    }
  }

  host(name: HostName): Host {
    mustFit('Lab.host() name', hostName, name);
    return name === 'client' ? this.client : this.server;
  }

  /** What forwards the packets between the hosts; undefined in a lab without. */
  get box(): Box | undefined {
    return this.#pair.box;
  }

  /** A port for the client that no lab on this machine has used lately. */
  nextClientEndpoint(): Endpoint {
    return { address: this.client.address, port: this.#nextPort++ };
  }

  /** How many client ports this lab has left. Further ones may belong to the next lab. */
  get clientPortsLeft(): number {
    return Math.max(0, this.#pair.clientPorts.last + 1 - this.#nextPort);
  }

  serverEndpoint(): Endpoint {
    return { address: this.server.address, port: this.serverPort };
  }

  /** Milliseconds since the lab was opened, on the timeline's clock. */
  nowMs(): number {
    return Math.max(Number(monotonicNs() - this.#startNs) / 1e6, this.#pair.latestMs());
  }

  /** Brings the timeline up to now. */
  async observe(): Promise<Tables> {
    if (this.#isOver)
      throw new TcplabError(
        'USAGE',
        'this lab is already closed: is an `await` missing before a call on it?',
      );
    const startMs = this.nowMs();
    const tables = this.#pair.observe
      ? await this.#pair.observe()
      : { client: await this.client.observe(), server: await this.server.observe() };
    this.#pair.box?.observe();
    const lateMs = isWatched(this.timeline) ? COUNTED_AFTER_MS : 0;
    settle(this.timeline, startMs - (this.#pair.observe ? LATE_ELSEWHERE_MS : lateMs));
    return tables;
  }

  /**
   * Puts the counters of both hosts on the timeline, when all that was sent has been seen to arrive: for the end. Where programs
   * send on and on, that never is.
   */
  async count(): Promise<void> {
    const lastMs = this.nowMs() + COUNTED_WITHIN_MS;
    do {
      await this.client.count();
      await this.server.count();
      let packets = 0;
      const leave = this.timeline.follow(({ type }) => {
        if (type === 'captured' || type === 'dropped') packets++;
      });
      await this.observe();
      leave();
      if (packets === 0) return;
    } while (this.nowMs() < lastMs);
  }

  /**
   * Tries until `attempt` gives something, at once at first and then less often; gives that. When the time is over,
   * throws a TcplabError with code TIMEOUT and what did not happen, or what failed. `onIdle` is called when it
   * begins to pause.
   */
  async waitFor<T>(
    what: WaitedFor,
    attempt: () => T | Promise<T>,
    timeoutMs = 5000,
    onIdle?: () => void,
  ): Promise<NonNullable<T>> {
    mustFit('waitFor() attempt', work(), attempt);
    mustFit('waitFor() timeoutMs', milliseconds, timeoutMs);
    return until(what, timeoutMs, attempt, onIdle);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    this.#endTimeline();
    this.#disposed ??= this.#pair.dispose();
    await this.#disposed;
  }
}
