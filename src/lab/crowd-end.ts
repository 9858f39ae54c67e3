import { type HostName, otherHost } from '../evidence/events.ts';
import * as kernel from '../kernel/socket.ts';
import { type Ports, type Slice, SocketBatch } from '../kernel/socket-batch.ts';
import type { Family } from '../tcp/endpoint.ts';
import type { State } from '../tcp/state.ts';
import type { CrowdHost } from './crowd-host.ts';
import { CONNECTIONS_A_SERVER_PORT, clientPort, indexOf, serverPort } from './crowd-ports.ts';
import type { Rule, Span } from './rule.ts';

interface CrowdEndOptions {
  /** Which end of the connections it is, whatever its host is called. */
  role: HostName;
  host: CrowdHost;
  peer: CrowdHost;
  family: Family;
  count: number;
  /** The first of the server's ports. */
  firstServerPort: number;
}

/** One end of many connections. Its calls are made in a row, and only the socket table shows what became of them. */
export class CrowdEnd {
  readonly host: CrowdHost;
  readonly #options: CrowdEndOptions;
  readonly #batch: SocketBatch;
  readonly #listeners: number[] = [];
  readonly #dropped = new Map<Rule['hook'], { rules: Map<number, number>; from: number }>();

  constructor(options: CrowdEndOptions) {
    this.host = options.host;
    this.#options = options;
    this.#batch = new SocketBatch(options.count);
  }

  /** How many descriptors it has open in this process. */
  get open(): number {
    return this.#batch.open + this.#listeners.length;
  }

  /** One listener for each of the server's ports, with a queue that has room for so many. */
  listen(backlog: number): void {
    const { host, family, count, firstServerPort } = this.#options;
    host.raiseSysctl('net.core.somaxconn', backlog);
    host.enter(() => {
      for (let port = firstServerPort; port <= serverPort(firstServerPort, count - 1); port++) {
        const listener = kernel.openTcpSocket(family);
        this.#listeners.push(listener);
        host.prepare?.(listener);
        kernel.bind(listener, { address: host.address, port });
        kernel.listen(listener, backlog);
      }
    });
  }

  connect(slice: Slice): void {
    const { host, peer, role, family } = this.#options;
    const [local, remote] = [this.#ports(host, role), this.#ports(peer, otherHost(role))];
    const prepare = host.prepare;
    host.enter(() => this.#batch.connect(family, slice, local, remote, prepare));
  }

  #ports({ address }: CrowdHost, role: HostName): Ports {
    const { firstServerPort } = this.#options;
    const portOf = role === 'client' ? clientPort : (index: number) => serverPort(firstServerPort, index);
    return { address, portOf };
  }

  /** Gives how far it came: to the end, or to where nothing waits to be accepted yet. */
  accept(slice: Slice): number {
    for (const part of byServerPort(slice)) {
      const listener = this.#listeners[part.port];
      if (listener === undefined) throw new Error(`${this.#options.host.name} does not listen`);
      const accepted = this.#batch.accept(listener, part);
      if (accepted < part.to) return accepted;
    }
    return slice.to;
  }

  send(slice: Slice, data: Uint8Array): void {
    this.#batch.send(slice, data);
  }

  receive(slice: Slice): number {
    return this.#batch.receive(slice);
  }

  shutdown(slice: Slice): void {
    this.#batch.shutdown(slice, 'write');
  }

  close(slice: Slice): void {
    this.#batch.close(slice);
  }

  abort(slice: Slice): void {
    this.#batch.abort(slice);
  }

  /** Its descriptors, which are the caller's from now on. */
  release(): Int32Array {
    return this.#batch.release();
  }

  /**
   * Drops all that comes in or goes out of these connections from now on. One rule of each of the server's ports is there for
   * all of them, however many such slices there were, for each packet is compared with every rule.
   */
  drop(hook: Rule['hook'], slice: Slice): void {
    const { host } = this.#options;
    const dropped = this.#dropped.get(hook) ?? { rules: new Map<number, number>(), from: slice.from };
    this.#dropped.set(hook, dropped);
    for (const { port, to } of byServerPort(slice)) {
      const before = dropped.rules.get(port);
      const from = Math.max(dropped.from, port * CONNECTIONS_A_SERVER_PORT);
      dropped.rules.set(port, host.setRule(this.#dropRule(hook, { from, to })));
      if (before !== undefined) host.liftRule(before);
    }
  }

  /** Drops nothing any more. */
  lift(): void {
    for (const { rules } of this.#dropped.values()) {
      for (const rule of rules.values()) this.#options.host.liftRule(rule);
    }
    this.#dropped.clear();
  }

  /** Of connections that have one port of the server. */
  #dropRule(hook: Rule['hook'], { from, to }: Slice): Rule {
    const { role, firstServerPort } = this.#options;
    const clients: Span = { first: clientPort(to - 1), last: clientPort(from) };
    const server = serverPort(firstServerPort, from);
    const isFromClient = (role === 'client') === (hook === 'out');
    return isFromClient
      ? { hook, sourcePort: clients, destinationPort: server, fate: 'drop' }
      : { hook, sourcePort: server, destinationPort: clients, fate: 'drop' };
  }

  /** How many of these connections the socket table has in a state, at this end; CLOSED are those that it has not. */
  countIn(state: State, slice: Slice): number {
    let count = 0;
    this.#scan(state === 'CLOSED' ? 'any' : state, slice, () => count++);
    return state === 'CLOSED' ? slice.to - slice.from - count : count;
  }

  /** The same of each state that it shows. */
  countAll(slice: Slice): Map<State, number> {
    const counts = new Map<State, number>();
    let left = slice.to - slice.from;
    this.#scan('any', slice, (state) => {
      counts.set(state, (counts.get(state) ?? 0) + 1);
      left--;
    });
    return left > 0 ? counts.set('CLOSED', left) : counts;
  }

  #scan(which: State | 'any', { from, to }: Slice, visit: (state: State) => void): void {
    const { host, role, firstServerPort } = this.#options;
    host.scan(which, (local, remote, state) => {
      const [client, server] = role === 'client' ? [local, remote] : [remote, local];
      const index = indexOf(firstServerPort, client, server);
      if (index >= from && index < to) visit(state);
    });
  }

  /** Whether its listeners listen, and have none of these connections. */
  listensAlone(slice: Slice): boolean {
    const { host, firstServerPort } = this.#options;
    const last = serverPort(firstServerPort, slice.to - 1);
    let found = 0;
    host.scan('LISTEN', (local) => {
      if (local >= firstServerPort && local <= last) found++;
    });
    return found === last - firstServerPort + 1 && this.countIn('CLOSED', slice) === slice.to - slice.from;
  }

  /** Aborts what is open. */
  dispose(): void {
    this.#batch.abort();
    for (const listener of this.#listeners.splice(0)) kernel.close(listener);
  }
}

/** The parts of a slice that each have one port of the server, by its place after the first. */
function byServerPort({ from, to }: Slice): (Slice & { port: number })[] {
  const parts: (Slice & { port: number })[] = [];
  for (let at = from; at < to; ) {
    const port = Math.floor(at / CONNECTIONS_A_SERVER_PORT);
    const end = Math.min(to, (port + 1) * CONNECTIONS_A_SERVER_PORT);
    parts.push({ from: at, to: end, port });
    at = end;
  }
  return parts;
}
