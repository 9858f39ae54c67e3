import type { HostName } from '../../evidence/events.ts';
import type { State } from '../../tcp/state.ts';

/** A scenario as commands for two machines, without tcplab. A test types exactly these commands. */
export interface ByHand {
  /** After the last step both ends are in the scenario's states. */
  steps: readonly Step[];
  /** Ends the programs and removes the rules. */
  cleanUp: readonly Step[];
}

export type Step = Run | Look | Type | Press;

interface StepBase {
  on: HostName;
  /** What the tools show then; the next step waits for it. */
  see?: Shown;
  /** Part of a line that the terminal prints when the step has taken effect; the recipe does not show it. */
  ready?: string;
  /** What happens, or why. */
  note?: string;
}

/** A command line for a shell, as root. */
export interface Run extends StepBase {
  run: string;
  /** A program that stays has a terminal of its own, by this name. */
  terminal?: string;
}

/** A command that changes nothing, so it can be repeated. */
interface Look extends StepBase {
  look: string;
}

/** A line for the program in a terminal. */
export interface Type extends StepBase {
  type: string;
  terminal: string;
}

export interface Press extends StepBase {
  press: Key;
  terminal: string;
}

export type Key = 'Ctrl-C' | 'Ctrl-D' | 'Ctrl-Z';

/** The states of all TCP sockets of a host, in any order, as in `netstat -tan` and `ss -tan`; `…`: maybe more of the same. */
export type States = readonly (State | '…')[];

export interface Shown {
  client?: States;
  server?: States;
  /** Parts of successive lines in the output of the step's own command; `…` matches anything. */
  prints?: readonly string[];
  /** The same for another terminal: `server/tcpdump`. */
  at?: Readonly<Record<string, readonly string[]>>;
}
