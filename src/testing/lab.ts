import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { isMainThread } from 'node:worker_threads';
import { TcplabError } from '../error.ts';
import { fitting, mustFit, nonEmpty, port, yesOrNo } from '../evidence/arguments.ts';
import type { Connection } from '../evidence/connection.ts';
import { object, oneOf, optional, type Shape } from '../evidence/shape.ts';
import type { Timeline } from '../evidence/timeline.ts';
import { currentPrivilege } from '../kernel/privileges.ts';
import { openBoxPair } from '../lab/box-pair.ts';
import type { FirewallKind } from '../lab/firewall.ts';
import { Lab } from '../lab/lab.ts';
import { SETTING_FIELDS, type Settings } from '../lab/settings.ts';
import { RemotePair } from '../remote/remote-pair.ts';
import { connectionsOf } from '../report/story/connections.ts';
import { TestClient } from './client.ts';
import type { TestConnection } from './connection.ts';
import { Connections } from './connections.ts';
import { ladderOf } from './failure.ts';
import { keepFor } from './keep.ts';
import { MIDDLE, type MiddleOptions, planOf, TestMiddle } from './middle.ts';
import { PATIENCE, PATIENCE_FIELDS, type Patience } from './patience.ts';
import { TestServer } from './server.ts';

export interface TestLabOptions extends Settings {
  /** The two hosts use IPv6. Default: false, IPv4. */
  ipv6?: boolean;
  /** What sets the rules; default: `nft`. */
  firewall?: FirewallKind;
  /** The port on which the server listens and to which the client connects; default: 80. */
  serverPort?: number;
  /** Two remote hosts in place of the lab's own: `ssh:user@a`, `netns:a`, `local` (docs/hosts.md). Both, or none. */
  places?: { client: string; server: string };
  /** Allows the test to change sysctls of remote hosts; the lab restores them. Default: false. */
  allowSysctl?: boolean;
  /** A firewall between the two hosts, which forwards, tracks and forgets connections. Default: none, a cable. */
  middle?: boolean | MiddleOptions;
  /** The folder for the files of failed assertions; default: tcplab-failures in the system's temporary folder. */
  keep?: string;
}

const LAB = object<TestLabOptions>({
  ipv6: optional(yesOrNo),
  firewall: optional(oneOf('nft', 'iptables')),
  serverPort: optional(port),
  places: optional(object({ client: nonEmpty, server: nonEmpty })),
  allowSysctl: optional(yesOrNo),
  middle: optional(MIDDLE),
  keep: optional(nonEmpty),
  ...SETTING_FIELDS,
});

/** A socket of Node's: `net.Socket` has these. */
export interface NodeSocket {
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
}

const NODE_SOCKET: Shape<NodeSocket> = fitting(
  'a net.Socket',
  (value) => typeof value === 'object' && value !== null && 'localPort' in value,
);

interface ConnectedOptions {
  /** Default: the lab's server port. */
  port?: number;
}

interface NextOptions extends Patience {
  /** The server's port of the connection; default: any. */
  port?: number;
}

const CONNECTED = object<ConnectedOptions>({ port: optional(port) });
const NEXT = object<NextOptions>({ ...PATIENCE_FIELDS, port: optional(port) });

/** Two hosts, client and server, and the link between them, for one test. */
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

  /** A connection that is ESTABLISHED at both ends, and accepted. Listens if the test does not yet. */
  async connected(options: ConnectedOptions = {}): Promise<TestConnection> {
    mustFit('connected() options', CONNECTED, options, 'example: lab.connected({ port: 8080 })');
    const { port = this.serverPort } = options;
    const listener = this.server.listener(port) ?? (await this.server.listen({ port }));
    const connection = await this.client.connect({ port });
    // Others may be before it in the accept queue.
    while (!connection.server.isOurs) await listener.accept();
    await this.#lab.waitFor(
      { failure: 'the client was not seen in ESTABLISHED' },
      async () => (await connection.client.state()) === 'ESTABLISHED',
    );
    return connection;
  }

  /** The connection of a socket that `run` created in one of the hosts; waits until it has one. Throws TIMEOUT. */
  async connectionOf(socket: NodeSocket, patience: Patience = {}): Promise<TestConnection> {
    const hint = "pass a net.Socket; an http.ClientRequest has one after its 'socket' event: request.socket";
    mustFit('connectionOf() socket', NODE_SOCKET, socket, hint);
    mustFit('connectionOf() options', PATIENCE, patience);
    // Node caches what it reads too early: that there is no port yet.
    await turn();
    return this.#seen(
      'no connection of this socket was seen',
      ({ client, server }) =>
        [client, server].some(
          ({ address, port }) => port === socket.localPort && address === bare(socket.localAddress),
        ),
      patience.within,
    );
  }

  /**
   * The first connection on the link that the test has not been given yet, such as a program's. Waits for it. Throws
   * TIMEOUT.
   */
  async nextConnection(options: NextOptions = {}): Promise<TestConnection> {
    mustFit(
      'nextConnection() options',
      NEXT,
      options,
      'example: lab.nextConnection({ port: 8080, within: 1000 })',
    );
    const { port, within } = options;
    return this.#seen(
      `no new connection${port === undefined ? '' : ` to port ${port}`} was seen`,
      (each) => !this.#connections.knows(each) && (port === undefined || each.server.port === port),
      within,
    );
  }

  /** The host between the two. Throws USAGE in a lab without. */
  get middle(): TestMiddle {
    const { box } = this.#lab;
    if (box) return new TestMiddle(this.#lab, box);
    throw new TcplabError('USAGE', 'this lab has no host in the middle', {
      hint: 'open it with one: createLab({ middle: true })',
    });
  }

  /** Everything that has happened so far, as events (docs/timeline.md). */
  get timeline(): Timeline {
    return this.#lab.timeline;
  }

  /** What has happened so far as a ladder diagram: text without color, at most 80 columns wide. */
  async ladder(): Promise<string> {
    await this.#lab.observe();
    return ladderOf(this.#lab.timeline);
  }

  async #seen(
    failure: string,
    fits: (connection: Connection) => boolean,
    withinMs: number | undefined,
  ): Promise<TestConnection> {
    const found = await this.#lab.waitFor(
      { failure },
      async () => {
        await this.#lab.observe();
        return connectionsOf(this.#lab.timeline).find(fits);
      },
      withinMs,
    );
    return this.#connections.get(found);
  }

  /** Closes the lab, as `await using` does at the end of its block. */
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

/**
 * Opens a lab: `await using lab = await createLab()`. Nothing of it is left when it is closed. Throws USAGE for wrong options
 * or settings, and in a worker thread, MACHINE where the process may not create network namespaces.
 */
export async function createLab(options: TestLabOptions = {}): Promise<TestLab> {
  mustFit('createLab() options', LAB, options, 'example: createLab({ ipv6: true, serverPort: 8080 })');
  const { ipv6 = false, firewall = 'nft', serverPort, places, allowSysctl = false } = options;
  const { keep = join(tmpdir(), 'tcplab-failures'), sysctls, socketOptions, clientPort } = options;
  const settings = { sysctls, socketOptions, clientPort };
  if (!isMainThread) {
    throw new TcplabError(
      'USAGE',
      "createLab() can't run in a worker thread, because native code may abort the process when the thread ends. " +
        "Use pool: 'forks' in vitest; run jest without --workerThreads",
    );
  }
  if (!places && currentPrivilege() === 'none') {
    throw new TcplabError(
      'MACHINE',
      "can't create a lab, because this process is not allowed to create network namespaces. Run the tests as root, or " +
        'without root in a private network: npx tcplab exec -- npx vitest run (or node --test, or npx jest)',
    );
  }
  if (places && options.middle) {
    throw new TcplabError('USAGE', "createLab() can't have a host in the middle of remote hosts", {
      hint: 'leave out places or middle',
    });
  }
  const family = ipv6 ? 'ipv6' : 'ipv4';
  const { middle } = options;
  const box = middle ? openBoxPair(planOf(middle)) : undefined;
  const pair = places && (await RemotePair.open(places, { allowSysctl, family }));
  try {
    const lab = await Lab.open({ hosts: box ?? pair?.openPair, family, firewall, serverPort, ...settings });
    return new TestLab(lab, keep, pair);
  } catch (error) {
    await pair?.[Symbol.asyncDispose]();
    throw error;
  }
}

/** A dual-stack server of Node's reports an IPv4 address inside IPv6. */
function bare(address: string | undefined): string | undefined {
  return address?.replace(/^::ffff:(?=\d+\.)/, '');
}
