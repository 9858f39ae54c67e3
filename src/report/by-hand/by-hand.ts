import type { HostName } from '../../evidence/events.ts';
import type { State } from '../../tcp/state.ts';

/** How a person makes a scenario on two machines. A test types it as it stands here. */
export interface ByHand {
  /** After the last one both ends are where the scenario has them. */
  steps: readonly Step[];
  /** Ends the programs and lifts the rules. */
  cleanUp: readonly Step[];
}

export type Step = Run | Look | Type | Press;

interface StepBase {
  on: HostName;
  /** What is to be seen then; one goes on when it is. */
  see?: Sight;
  /** Part of a line that its terminal prints when it has taken effect, and that is not worth telling of. */
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

/** A command that changes nothing, so that one can look again. */
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

/** Of all of a host's TCP sockets, in any order, as `netstat -tan` and `ss -tan` list them; `…`: maybe more alike. */
export type States = readonly (State | '…')[];

export interface Sight {
  client?: States;
  server?: States;
  /** Parts of lines that follow each other in what the step's own command prints; `…` stands for anything. */
  prints?: readonly string[];
  /** The same for another terminal: `server/tcpdump`. */
  at?: Readonly<Record<string, readonly string[]>>;
}
