import type { Condition } from '../evidence/condition-names.ts';
import type { Connection } from '../evidence/connection.ts';
import type { HostName } from '../evidence/events.ts';
import type { BoxPlan } from '../lab/box-plan.ts';
import type { Host } from '../lab/host.ts';
import type { State } from '../tcp/state.ts';
import type { ByHand } from './by-hand/by-hand.ts';
import type { CrowdStep } from './crowd-steps.ts';
import type { Explanation } from './explanation.ts';
import type { Sabotage } from './sabotage.ts';
import type { Stage } from './stage.ts';

/** A named way to bring one host's end of a connection into a state and hold it there: all that `runScenario` needs. */
export interface Scenario {
  id: string;
  /** What happens, in a line. */
  title: string;
  held: { host: HostName; state: State };
  /** The peer's state during the hold. */
  peer: State;
  /** What keeps it there, in a few words. */
  heldBy: string;
  /** What must hold besides the state, for as long as it is held. The rules that are set then need not be named. */
  conditions?: readonly Condition[];
  /** The transitions that the scenario drives, by the host whose end takes them. */
  arcs?: Partial<Record<HostName, readonly number[]>>;
  /** The ends that no program can play, with what tcplab has to do or leave there: `the server must not accept`. */
  ours?: Partial<Record<HostName, string>>;
  /** Whether the kernel ends the state after 1 s, so that no other lab may delay it for that long. */
  brief?: boolean;
  /** Whether it waits for a kernel timer of about 200 ms before the hold: it starts first, so that others run during the wait. */
  waits?: boolean;
  /** Whether it waits for a timer of a minute. */
  slow?: boolean;
  /** The box through which the packets of both hosts go. */
  box?: BoxPlan;
  /** Makes the calls and sets the rules; the caller then waits for the state. */
  reach(stage: Stage): Promise<Connection>;
  /** Makes the end send a segment that shows its state, if it sends none on its own. */
  show?(stage: Stage, connection: Connection): Promise<void>;
}

/** A scenario in `arc/`, which exists for a transition: the first of its `arcs`, at each host. */
export interface ArcScenario extends Scenario {
  /** What `test/arcs.test.ts` leaves out, after which the transition must not be reported. Null if only time is its trigger. */
  withheld: Withheld | null;
}

/** A scenario in `box/`: the host between the ends drops packets, forgets connections or limits them. */
export interface BoxScenario extends Scenario {
  box: BoxPlan;
  conditions: readonly Condition[];
  about: BoxAbout;
}

/** The text of `tcplab explain` and docs/boxes.md. */
interface BoxAbout {
  steps: readonly string[];
  /** What each end shows during the hold. */
  client: string;
  server: string;
  /** What connection tracking in the box has of it. */
  tracked: string;
  /** What ends it, and when. */
  end: string;
  fix: string;
  remark: string;
}

/** A call that brings about a transition, in time or at once. */
export interface Withheld {
  host: HostName;
  call: Exclude<keyof Host, 'name' | 'address'>;
  /** Which of these calls: the one with this argument. Default: all. */
  of?: string;
  /** Only the second of them. */
  isSecond?: boolean;
  /** Where the end is instead, and by which transition; if it does not stay where it was. */
  instead?: { state: State; arc: number };
  /** Longer than the transition takes with the call, in milliseconds; if it does not follow at once. */
  withinMs?: number;
}

/** A scenario that `tcplab list` shows, as its own file describes it to users and tests. */
export interface CatalogueScenario extends Scenario {
  /** Empty if there is nothing to add to the state. */
  conditions: readonly Condition[];
  explanation: Explanation;
  /** The commands that do the same on two machines without tcplab. */
  byHand: ByHand;
  /** How `--count` opens many at once; or why it can't, as the end of a sentence. */
  crowd: readonly CrowdStep[] | string;
  sabotage: Sabotage;
}
