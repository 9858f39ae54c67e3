import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { isMainThread } from 'node:worker_threads';
import { TcplabError } from '../error.ts';
import type { Connection } from '../evidence/connection.ts';
import type { Timeline } from '../evidence/timeline.ts';
import { currentPrivilege } from '../kernel/privileges.ts';
import type { FirewallKind } from '../lab/firewall.ts';
import { Lab } from '../lab/lab.ts';
import { RemotePair } from '../remote/remote-pair.ts';
import { connectionsOf } from '../report/ladder/connections.ts';
import { TestClient } from './client.ts';
import type { TestConnection } from './connection.ts';
import { Connections } from './connections.ts';
import { ladderOf } from './failure.ts';
import { keepFor } from './keep.ts';
import type { Patience } from './patience.ts';
import { TestServer } from './server.ts';

export interface TestLabOptions {
  /** The two hosts speak IPv6. */
  ipv6?: boolean;
  /** What sets the rules: `nft` if not said. */
  firewall?: FirewallKind;
  /** Where the server listens and the client connects if nothing else is said; 80 if not said. */
  serverPort?: number;
  /** Where the hosts are, when they are not the lab’s own: `ssh:user@a`, `netns:a`, `local` (docs/hosts.md). Both, or none. */
  places?: { client: string; server: string };
  /** Lets the test change sysctls of hosts that are elsewhere; they are put back. */
  allowSysctl?: boolean;
  /** The folder that keeps the files of failed assertions: tcplab-failures in the system’s temporary folder if not said. */
  keep?: string;
}

/** A socket of Node’s, as far as it tells of its ends. */
export interface NodeSocket {
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
}

/** Two hosts, client and server, and the wire between them, for one test. */
export class TestLab implements AsyncDisposable {
  readonly client: TestClient;
  readonly server: TestServer;
  readonly serverPort: number;
  readonly #lab: Lab;
  readonly #pair: AsyncDisposable | undefined;
  readonly #connections: Connections;

  /** @internal */
  constructor(lab: Lab, keep: string, pair: AsyncDisposable | undefined) {
    this.#lab = lab;
    this.#pair = pair;
    keepFor(lab, keep);
    this.#connections = new Connections(lab);
    this.client = new TestClient(lab, lab.client, this.#connections);
    this.server = new TestServer(lab, lab.server, this.#connections);
    this.serverPort = lab.serverPort;
  }

  /** A connection that is ESTABLISHED at both ends, and accepted. Listens where the test does not yet. */
  async connected({ port = this.serverPort }: { port?: number } = {}): Promise<TestConnection> {
    const listener = this.server.listener(port) ?? (await this.server.listen({ port }));
    const connection = await this.client.connect({ port });
    // Others may wait to be accepted before it.
    while (!connection.server.isOurs) await listener.accept();
    await this.#lab.waitFor(
      'the client to be ESTABLISHED',
      async () => (await connection.client.state()) === 'ESTABLISHED',
    );
    return connection;
  }

  /** The connection of a socket of Node’s own, made by `run` in one of the hosts: as soon as it is one. */
  async connectionOf(socket: NodeSocket, { within }: Patience = {}): Promise<TestConnection> {
    // Node remembers what it is told too early: that there is no port yet.
    await turn();
    return this.#seen(
      'a connection of this socket',
      ({ client, server }) =>
        [client, server].some(
          ({ address, port }) => port === socket.localPort && address === bare(socket.localAddress),
        ),
      within,
    );
  }

  /** The first connection on the wire that the test does not know yet: a program’s, say. */
  nextConnection({ port, within }: Patience & { port?: number } = {}): Promise<TestConnection> {
    return this.#seen(
      `a new connection${port === undefined ? '' : ` to port ${port}`}`,
      (each) => !this.#connections.knows(each) && (port === undefined || each.server.port === port),
      within,
    );
  }

  /** Everything that has happened so far. */
  get timeline(): Timeline {
    return this.#lab.timeline;
  }

  /** What has happened so far, drawn: without colours, at most 80 columns wide. */
  async ladder(): Promise<string> {
    await this.#lab.observe();
    return ladderOf(this.#lab.timeline);
  }

  async #seen(
    what: string,
    fits: (connection: Connection) => boolean,
    withinMs: number | undefined,
  ): Promise<TestConnection> {
    const found = await this.#lab.waitFor(
      what,
      async () => {
        await this.#lab.observe();
        return connectionsOf(this.#lab.timeline).find(fits);
      },
      withinMs,
    );
    return this.#connections.get(found);
  }

  /** What `await using` does at the end of its block, for tests without it. */
  async close(): Promise<void> {
    this.client.end();
    this.server.end();
    await this.#lab[Symbol.asyncDispose]();
    await this.#pair?.[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Opens a lab: `await using lab = await createLab()`. When it is disposed of, nothing of it is left. */
export async function createLab(options: TestLabOptions = {}): Promise<TestLab> {
  const { ipv6 = false, firewall, serverPort, places, allowSysctl = false } = options;
  const { keep = join(tmpdir(), 'tcplab-failures') } = options;
  if (!isMainThread) {
    throw new TcplabError(
      'USAGE',
      'a lab can’t be in a worker thread, whose end may abort the process: let the tests run in processes ' +
        '(pool: ‘forks’ in vitest; jest without --workerThreads)',
    );
  }
  if (!places && currentPrivilege() === 'none') {
    throw new TcplabError(
      'MACHINE',
      'this process may make no network namespaces, and a lab is made of them: run the tests as root, or in a private ' +
        'network, which needs none: `npx tcplab exec -- npx vitest run` (or node --test, or jest)',
    );
  }
  const pair = places && (await RemotePair.open(places, { allowSysctl, family: ipv6 ? 'ipv6' : 'ipv4' }));
  const opening = Lab.open({
    ...(pair ? { hosts: pair.openPair } : {}),
    family: ipv6 ? 'ipv6' : 'ipv4',
    ...(firewall === undefined ? {} : { firewall }),
    ...(serverPort === undefined ? {} : { serverPort }),
  });
  try {
    return new TestLab(await opening, keep, pair);
  } catch (error) {
    await pair?.[Symbol.asyncDispose]();
    throw error;
  }
}

/** A dual-stack server of Node’s gives an IPv4 address inside IPv6. */
function bare(address: string | undefined): string | undefined {
  return address?.replace(/^::ffff:(?=\d+\.)/, '');
}
