import type { Condition } from '../evidence/condition-names.ts';
import type { Connection } from '../evidence/connection.ts';
import type { HostName } from '../evidence/events.ts';
import type { Host } from '../lab/host.ts';
import type { Tables } from '../lab/lab.ts';
import type { WaitedFor } from '../lab/until.ts';
import type { Endpoint } from '../tcp/endpoint.ts';
import type { End } from '../tcp/fold.ts';
import type { State } from '../tcp/state.ts';
import type { ByHand } from './by-hand/by-hand.ts';
import type { CrowdStep } from './crowd-steps.ts';
import type { Explanation } from './explanation.ts';
import type { Sabotage } from './sabotage.ts';

/** What a scenario has to work with: a lab, or what a test makes of one. */
export interface Stage {
  readonly client: Host;
  readonly server: Host;
  nextClientEndpoint(): Endpoint;
  serverEndpoint(): Endpoint;
  /** Its port. */
  readonly serverPort: number;
  /** Whether an end is a program: what it understands, nobody here knows. */
  readonly hasPrograms: boolean;
  /** Tries until something is given; see `Lab.waitFor`. */
  waitFor<T>(what: WaitedFor, attempt: () => T | Promise<T>): Promise<NonNullable<T>>;
  observe(): Promise<Tables>;
  /** An end as its segments tell it by now: its sequence numbers, above all. */
  fold(connection: Connection, host: HostName): Promise<End>;
  nowMs(): number;
  /** Tells something beyond the state, which is shown with the result. */
  note(text: string): void;
}

/** A named way to bring one host's end of a connection into a state and hold it there: all that `runScenario` needs. */
export interface Scenario {
  id: string;
  /** What happens, in a line. */
  title: string;
  held: { host: HostName; state: State };
  /** What the other end is in meanwhile. */
  peer: State;
  /** What keeps it there, in a few words. */
  heldBy: string;
  /** What must hold besides the state, for as long as it is held. The rules that are set then need not be named. */
  conditions?: readonly Condition[];
  /** The arcs that it is made to drive, by the host whose end takes them. */
  arcs?: Partial<Record<HostName, readonly number[]>>;
  /** The ends that no program can play, with what tcplab has to do or leave there: `the server must not accept`. */
  ours?: Partial<Record<HostName, string>>;
  /** Whether the kernel itself ends it, after a second: no other lab may be in its way for that long. */
  brief?: boolean;
  /** Whether it waits for a timer of the kernel on its way, of 200 ms or so: begun first, it does so beside the others. */
  waits?: boolean;
  /** Whether it waits for a timer of a minute. */
  slow?: boolean;
  /** Makes the calls and sets the rules; the state itself is waited for by whoever runs it. */
  reach(stage: Stage): Promise<Connection>;
  /** Has the end show its state on the wire, where no segment passes by itself. */
  show?(stage: Stage, connection: Connection): Promise<void>;
}

/**
 * A scenario that `tcplab list` shows, as its own file describes it to users and tests. Those in `arc/` exist for a
 * transition, and need none of this.
 */
export interface CatalogueScenario extends Scenario {
  /** Empty if the state says it all. */
  conditions: readonly Condition[];
  explanation: Explanation;
  /** The commands that do the same on two machines without tcplab. */
  byHand: ByHand;
  /** How `--count` opens many at once; or why it can't, as the end of a sentence. */
  crowd: readonly CrowdStep[] | string;
  sabotage: Sabotage;
}
