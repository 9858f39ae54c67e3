import type { Connection } from '../evidence/connection.ts';
import type { HostName } from '../evidence/events.ts';
import type { Box } from '../lab/box.ts';
import type { Host } from '../lab/host.ts';
import type { Tables } from '../lab/lab.ts';
import type { WaitedFor } from '../lab/until.ts';
import type { Endpoint } from '../tcp/endpoint.ts';
import type { End } from '../tcp/fold.ts';

/** What a scenario has to work with: a lab, or what a test makes of one. */
export interface Stage {
  readonly client: Host;
  readonly server: Host;
  nextClientEndpoint(): Endpoint;
  serverEndpoint(): Endpoint;
  /** Its port. */
  readonly serverPort: number;
  /** Whether an end is a program: tcplab does not know its protocol. */
  readonly hasPrograms: boolean;
  /** What forwards the packets between the hosts. */
  readonly box: Box | undefined;
  /** Tries until something is given; see `Lab.waitFor`. */
  waitFor<T>(what: WaitedFor, attempt: () => T | Promise<T>): Promise<NonNullable<T>>;
  observe(): Promise<Tables>;
  /** The end computed from its segments so far: mainly its sequence numbers. */
  fold(connection: Connection, host: HostName): Promise<End>;
  nowMs(): number;
  /** Adds a note that is shown with the result. */
  note(text: string): void;
}
