import type { HostName } from '../../evidence/host-name.ts';
import type { State } from '../../tcp/state.ts';

export type { HostName };

// Repeated here, not imported: the browser code is compiled with these types and must not depend on Node's.
export type VerdictWord = 'proven' | 'disproven' | 'unproven';

/**
 * What a page shows of one lab: computed from its timeline, so that no TCP logic is needed in the browser. Plain data,
 * because it is sent as JSON. Times are milliseconds on the lab's clock.
 */
export interface View {
  /** The scenario's id, or what else the lab was for. */
  name: string;
  title: string;
  /** Null where nothing was claimed. */
  verdict: { word: VerdictWord; because: string | null } | null;
  /** Which end is held in what. */
  held: { host: HostName; state: State } | null;
  hosts: Record<HostName, { endpoint: string }>;
  fromMs: number;
  toMs: number;
  /** When the state was held; `toMs` is null while it is. */
  hold: { fromMs: number; toMs: number | null } | null;
  /** Where each end was before the first change. */
  initial: Record<HostName, State>;
  changes: Change[];
  flights: FlightView[];
  acts: Act[];
  rules: RuleView[];
  /** Each host's socket table from a moment on. */
  tables: Table[];
  witnesses: WitnessView[];
  notes: { atMs: number; text: string }[];
}

/** An end went from one state to another. */
export interface Change {
  atMs: number;
  host: HostName;
  from: State;
  to: State;
  /** The row of RFC 9293's table; null when none explains it. */
  arc: { number: number; trigger: string; clause: string } | null;
  /** What Linux did then, if that is known. */
  why?: string;
  /** The source that observed it directly, and the witnesses that saw it. */
  source: string;
  seenBy: string[];
}

/** A segment, or an ICMP error, from one lifeline towards the other. */
export interface FlightView {
  from: HostName;
  departsMs: number;
  /** Null when it never got there. */
  arrivesMs: number | null;
  /** tcpdump's letters, with relative numbers: `F. seq 1 ack 1`. */
  label: string;
  /** tcpdump's letters alone; null for an ICMP error. */
  flags: string | null;
  ending: 'delivered' | 'lost' | 'unseen' | 'dropped at its sender' | 'dropped at its receiver';
  /** Of the rule that dropped it. */
  rule: number | null;
  /** Why the kernel dropped it, where no rule of the lab did. */
  reason: string | null;
  /** From the first of each end, as in the label; null for an ICMP error. */
  numbers: { seq: number; ack: number | null } | null;
  /** From its IP header on, base64: its headers, and the beginning of its data. */
  bytes: string;
  /** It is of another connection than the view. */
  isOther: boolean;
  /** It was no socket that sent it: tcplab or the firewall made it. */
  crafted: boolean;
}

/** A call, or a program that began or ended. */
export interface Act {
  atMs: number;
  host: HostName;
  text: string;
}

export interface RuleView {
  number: number;
  host: HostName;
  hook: 'in' | 'out';
  text: string;
  nft: string;
  iptables: string;
  setMs: number;
  liftedMs: number | null;
  /** How often it has met something, as it was counted. */
  counts: { atMs: number; packets: number }[];
}

export interface Table {
  atMs: number;
  host: HostName;
  /** As `ss -tano` prints them. */
  rows: TableRow[];
}

export interface TableRow {
  state: State;
  receiveQueue: number;
  sendQueue: number;
  local: string;
  remote: string;
  /** `retransmission in 190 ms, 2 sent again`; empty when none runs. */
  timer: string;
  /** The process that has it open: `node, pid 4711, fd 19`. */
  process: string;
  /** Of the connection that the view is of. */
  isOwn: boolean;
}

export interface WitnessView extends Testimony {
  host: HostName;
}

export interface Testimony {
  witness: string;
  says: State | null;
  agrees: boolean | null;
  why: string | null;
}
