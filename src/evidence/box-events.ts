import type { Endpoint } from '../tcp/endpoint.ts';
import type { WirePacket } from '../tcp/segment.ts';

/** Events of a box: a host between the client and the server that forwards their packets. */

/** What a box's connection tracking has of a connection: the words of conntrack(8). It is neither end's state. */
export interface TrackedEntry {
  state: string;
  /** Both ends have sent. */
  replied: boolean;
  /** Printed as `[ASSURED]`. */
  assured: boolean;
  /** When it is removed if no packet arrives until then, in whole seconds. */
  expiresS: number;
}

interface BoxRuleSet {
  rule: number;
  /** What it matches and does, in nft's words: `ct state invalid drop`. */
  text: string;
  /** The command with which a person would set it. */
  nft: string;
}

/** Between the hosts of this lab is a box, which is set up like this. */
interface BoxOpened {
  type: 'box-opened';
  atMs: number;
  address: string;
  rules: BoxRuleSet[];
  /** Those that were changed, by the names of sysctl(8). */
  sysctls: Record<string, string>;
  /** Of its interface to the server, where that is less than the client's. */
  mtu: number | null;
  /** Whether it tracks connections. */
  tracks: boolean;
}

/** The box's entry of a connection, when it first had one and whenever a poll found it changed (its timeout apart). */
export interface BoxEntrySeen {
  type: 'box-entry';
  atMs: number;
  /** The sender of the first packet, and its receiver. */
  from: Endpoint;
  to: Endpoint;
  /** Null if it has none any more. */
  entry: TrackedEntry | null;
  /** It was removed by tcplab, not by its timeout or a packet. */
  forgotten?: boolean | undefined;
}

/** A packet that a rule of the box dropped or rejected. */
export interface BoxDropped {
  type: 'box-dropped';
  atMs: number;
  rule: number;
  wire: WirePacket;
  /** The packet from its IP header on, base64. */
  bytes: string;
}

export type BoxEvent = BoxOpened | BoxEntrySeen | BoxDropped;
