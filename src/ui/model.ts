import type { Fate } from '../lab/fate.ts';
import type { HostName, TableRow, Testimony, VerdictWord, View } from '../report/pages/view-model.ts';

type State = TableRow['state'];

/** The messages between page and server: plain data, because they are sent as JSON. */

/** Everything that a page shows of a lab at a moment. */
export interface LabMessage {
  id: string;
  /** Grows with each change. */
  revision: number;
  /** The lab's clock when this was sent. */
  nowMs: number;
  view: View;
  connections: ConnectionView[];
  listeners: EndView[];
  sockets: SocketView[];
  timers: TimerView[];
  hosts: Record<HostName, HostActs>;
  mayRunPrograms: boolean;
  /** By which `tcplab enter --lab` knows it; null if its hosts can't be entered from this machine. */
  enterAs: string | null;
}

/** The same, for a page that has the message of another revision. */
export interface LabNews extends Omit<LabMessage, 'view'> {
  /** The revision of the view that `news` changes. */
  since: number;
  news: ViewNews;
}

/** What has changed in a view: some of it is another now, and of a list the first `keep` stay and `add` follows. */
export interface ViewNews {
  values: Partial<View>;
  lists: Partial<Record<keyof View, { keep: number; add: unknown[] }>>;
}

/** A connection that has a socket now, or that the view is of. */
export interface ConnectionView {
  /** In the order in which they appeared, from 1. */
  number: number;
  client: string;
  server: string;
  /** Whether the view is of this one. */
  isShown: boolean;
  ends: EndView[];
}

/** Where an end, or a listener, is now. */
export interface EndView {
  host: HostName;
  state: State;
  /** What that means, in a few words. */
  brief: string;
  /** When a look first showed it there. */
  sinceMs: number;
  /** Null for as long as that is too short to be judged. */
  word: VerdictWord | null;
  because: string | null;
  witnesses: Testimony[];
}

/** Null when it is possible; else why it is not. */
export type WhyNot = string | null;

export type SocketAct = 'close' | 'shutdown' | 'reset' | 'send' | 'receive' | 'accept';

/** A socket that tcplab itself has open, and what can be done with it. */
export interface SocketView {
  host: HostName;
  socket: number;
  /** By the socket table: CLOSED when it has no row. */
  state: State;
  local: string;
  remote: string;
  acts: Record<SocketAct, WhyNot>;
}

export interface HostActs {
  connect: WhyNot;
  listen: WhyNot;
  /** The sockets that can be destroyed, of any process. */
  destroyable: { state: State; local: string; remote: string }[];
}

/** What the kernel's timers will do. Times are on the lab's clock. */
export interface TimerView {
  host: HostName;
  state: State;
  local: string;
  remote: string;
  /** `FIN-WAIT-2`, `SYN`, `zero-window probe`. */
  timer: string;
  firesMs: number;
  /** How often something is sent before it gives up; null when it never does. */
  remaining: number | null;
  givesUpMs: number | null;
  /** The latest end, where the end itself depends on what the peer sends. */
  atMostMs: number | null;
  nextState: State | null;
  /** What would keep the end from coming then. */
  unless: string | null;
  because: string;
}

/** What is done in a lab, or which of its connections is shown. */
export type ActRequest = LabAct | { act: 'show'; connection: number };

export type LabAct =
  | { [A in Exclude<SocketAct, 'send'>]: { act: A; host: HostName; socket: number } }[Exclude<
      SocketAct,
      'send'
    >]
  | { act: 'send'; host: HostName; socket: number; octets: number }
  | { act: 'connect'; host: 'client' }
  | { act: 'listen'; host: 'server' }
  | { act: 'set-rule'; host: HostName; hook: 'in' | 'out'; flags: string; fate: Fate }
  | { act: 'lift-rule'; host: HostName; rule: number }
  | { act: 'destroy'; host: HostName; local: string; remote: string }
  | { act: 'run'; host: HostName; command: string };

/** A state, of which the first scenario is opened, or the id of a scenario. */
export type Goal = { state: State } | { scenario: string };

/** What can be opened, in the order of the catalogue. */
export interface ScenarioChoice {
  id: string;
  title: string;
  state: State;
}

export type CreateRequest = Goal & {
  /** The lab that this one takes the place of. */
  replaces: string | null;
};

/** The lab after an act. What the kernel refused was done all the same: it is on the timeline with its errno. */
export type ActAnswer = (LabMessage | LabNews) & { refused: string | null };

/** What is answered when something is refused. */
export interface Refused {
  error: string;
}
