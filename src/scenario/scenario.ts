import type { Connection } from '../evidence/connection.ts';
import type { HostName } from '../evidence/events.ts';
import type { Host } from '../lab/host.ts';
import type { Tables } from '../lab/lab.ts';
import type { Endpoint } from '../tcp/endpoint.ts';
import type { State } from '../tcp/state.ts';

/** What a scenario has to work with: a lab, or what a test makes of one. */
export interface Stage {
  readonly client: Host;
  readonly server: Host;
  nextClientEndpoint(): Endpoint;
  serverEndpoint(): Endpoint;
  /** Tries until something is given; see `Lab.waitFor`. */
  waitFor<T>(what: string, attempt: () => T | Promise<T>): Promise<NonNullable<T>>;
  observe(): Promise<Tables>;
  nowMs(): number;
  /** Tells something beyond the state, which is shown with the result. */
  note(text: string): void;
}

/** A named way to bring one host's end of a connection into a state and hold it there. */
export interface Scenario {
  id: string;
  /** What happens, in a line. */
  title: string;
  held: { host: HostName; state: State };
  /** What the other end is in meanwhile. */
  peer: State;
  /** What keeps it there, in a few words. */
  heldBy: string;
  /** Makes the calls and sets the rules; the state itself is waited for by whoever runs it. */
  reach(stage: Stage): Promise<Connection>;
  /** Has the end show its state on the wire, where no segment passes by itself. */
  show?(stage: Stage, connection: Connection): Promise<void>;
}
