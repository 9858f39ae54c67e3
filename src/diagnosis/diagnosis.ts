import type { State } from '../tcp/state.ts';

/** What holds a socket in its state. */
export type Holds =
  | 'listening'
  | 'open'
  | 'program-did-not-close'
  | 'peer-did-not-close'
  | 'one-end-did-not-close'
  | 'fin-unanswered'
  | 'fin-behind-unsent-data'
  | 'synack-missing'
  | 'handshake-ack-missing'
  | 'not-accepted'
  | 'accept-queue-full'
  | 'data-unanswered'
  | 'keepalive-unanswered'
  | 'peer-not-reading'
  | 'not-reading'
  | '2msl'
  | 'closed';

/** Who has to change something. Null: it can't be known. */
export type Culprit = 'this program' | 'peer' | 'network' | 'peer or network' | 'nobody' | null;

/** What ends a state. */
export interface Ends {
  /** `program`: when the program acts; `timer`: the kernel's; `never`: nothing but the program or the peer. */
  how: 'program' | 'timer' | 'never';
  /** Until the last of the group is gone; null for never, or if it can't be known. */
  whenSeconds: number | null;
  /** By how much that may be wrong. */
  tolerance: number | null;
  /** Sysctls and socket options that would change it. */
  dependsOn: string[];
  /** In a sentence. */
  says: string;
}

export interface Since {
  seconds: number;
  tolerance: number;
  from: string;
}

/** What one socket's row shows. */
export interface Finding {
  holds: Holds;
  culprit: Culprit;
  ends: Ends;
  since: Since | null;
  /** What in the row shows it, as sentences. */
  evidence: string[];
  /** Nothing is wrong yet: the state is young, or is left in time. */
  isPassing?: boolean;
}

interface Program {
  /** Null if the table shows the number alone. */
  name: string | null;
  pid: number;
}

export interface GroupOwner extends Program {
  /** Another process that holds the same descriptor. */
  also?: Program;
}

/** Like sockets: in one state, of one program, at one endpoint, held by the same thing. */
export interface Group extends Omit<Finding, 'isPassing'> {
  /** `conntrack` for entries of a box. */
  state: State | 'conntrack';
  /** The state that conntrack gives the entries. */
  conntrack?: string;
  count: number;
  /** `*` for any port; null if the table does not show it. */
  local: string | null;
  peer: string | null;
  owner: GroupOwner | null;
  /** All that hold it: processes and their descriptors. At most 20. */
  holders: { name: string | null; pid: number; fd: number | null }[];
  /** The user, where the table shows the number. */
  uid: number | null;
  /** What it is, in a sentence. */
  what: string;
  /** What to do, and whose turn it is. */
  act: string;
  /** What would make it certain; null if it is. */
  certain: string | null;
  /** The command that rebuilds it in a lab. */
  lab: string;
  /** The first lines of the text that show it. At most 20. */
  lines: number[];
  wrong: boolean;
}

export interface Verdict {
  /** The program that does not close what its peers have closed; of a table without programs its user. */
  leaks: Program | { uid: number } | null;
  culprit: Culprit;
  wrong: boolean;
  says: string;
}

export interface Diagnosis {
  groups: Group[];
  verdict: Verdict;
  /** What the groups together show: chains, ports that are used up. */
  findings: string[];
  cannotKnow: string[];
}
