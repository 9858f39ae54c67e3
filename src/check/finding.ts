import type { SocketTimer } from '../tcp/socket-row.ts';
import type { State } from '../tcp/state.ts';

/**
 * `good`: the program does what a robust program does. `risk`: it works until this happens in production. `fault`: it breaks
 * or leaks. `unknown`: the test could not find out; `says` has the reason.
 */
export type ProbeVerdict = 'good' | 'risk' | 'fault' | 'unknown';

/** What a risk or a fault means, and what to change: of what was found, not of the test. */
export interface Advice {
  /** The consequence in production. */
  why: string;
  /** What to change, as an imperative with the name of the option. */
  fix: string;
}

/** What a test measured, by name. Names that end in `Ms` are milliseconds. */
export type Numbers = Readonly<Record<string, number | null>>;

/** What a relay makes of what happens at one of its sides. */
export type PassedAs =
  | `${'FIN' | 'RST'}→${'FIN' | 'RST' | 'nothing'}`
  | ('lost' | 'bounded' | 'unbounded' | 'intact' | 'not intact' | 'told' | 'not told')
  | `HTTP ${number}`;

/** A socket that was left, and what ends it. */
export interface LeftSocket {
  state: State;
  /** Bytes. */
  receiveQueue: number;
  sendQueue: number;
  timer: SocketTimer;
  /** Until the timer fires; null when none runs. */
  expiresMs: number | null;
  /** No program has it any more. */
  isOrphan: boolean;
  /** Until the kernel ends it without a program; null if it never does. */
  endsInMs: number | null;
  /** What ends it, in words. */
  endsBy: string;
}

/** The four ends of the two connections of a relay. */
export const RELAY_ENDS = ['client', 'relayClientSide', 'relayServerSide', 'server'] as const;
export type RelayEnd = (typeof RELAY_ENDS)[number];

/** What was passed on as what. */
export interface Passage {
  passedAs: PassedAs | null;
  /** How long after it happened, by the packets; null if it was not passed on. */
  afterMs: number | null;
  /** What was left two seconds after it happened, or at the end of the test if that is later. */
  leftAt2s: Record<RelayEnd, LeftSocket[]> | null;
}

/** What the program did. */
export interface Finding {
  verdict: ProbeVerdict;
  /** The kind of the finding, the same for each program and each version: for scripts. */
  code: string;
  /** What the program did, with the numbers: a phrase without a period. */
  says: string;
  numbers: Numbers;
  /** Null unless it is a risk or a fault. */
  advice: Advice | null;
  /** What a relay passed on; only of relays. */
  passage?: Passage;
}

export const good = (code: string, says: string, numbers: Numbers = {}): Finding => ({
  verdict: 'good',
  code,
  says,
  numbers,
  advice: null,
});

export const unknown = (code: string, says: string, numbers: Numbers = {}): Finding => ({
  ...good(code, says, numbers),
  verdict: 'unknown',
});

export const risk = (code: string, says: string, advice: Advice, numbers: Numbers = {}): Finding => ({
  ...good(code, says, numbers),
  verdict: 'risk',
  advice,
});

export const fault = (code: string, says: string, advice: Advice, numbers: Numbers = {}): Finding => ({
  ...risk(code, says, advice, numbers),
  verdict: 'fault',
});
