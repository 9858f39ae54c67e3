import type { Connection } from '../evidence/connection.ts';
import type { Lab } from '../lab/lab.ts';
import { formatEndpoint } from '../tcp/endpoint.ts';
import { TestConnection } from './connection.ts';

/** The connections of a lab that the test has been given, each once. */
export class Connections {
  readonly #lab: Lab;
  readonly #known = new Map<string, TestConnection>();

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  /** The connection with these endpoints, known from now on. */
  get(endpoints: Connection): TestConnection {
    const key = `${formatEndpoint(endpoints.client)} ${formatEndpoint(endpoints.server)}`;
    const known = this.#known.get(key);
    if (known) return known;
    const connection = new TestConnection(this.#lab, endpoints);
    this.#known.set(key, connection);
    return connection;
  }

  /** A new connection, which replaces an earlier one with the same endpoints. */
  begin(endpoints: Connection): TestConnection {
    this.#known.delete(`${formatEndpoint(endpoints.client)} ${formatEndpoint(endpoints.server)}`);
    return this.get(endpoints);
  }

  knows(endpoints: Connection): boolean {
    return this.#known.has(`${formatEndpoint(endpoints.client)} ${formatEndpoint(endpoints.server)}`);
  }
}
