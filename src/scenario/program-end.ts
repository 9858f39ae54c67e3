import { TcplabError } from '../error.ts';
import type { HostName } from '../evidence/events.ts';
import type { Host, SocketNumber } from '../lab/host.ts';
import type { Lab } from '../lab/lab.ts';
import type { Program } from '../lab/program.ts';
import { type Endpoint, formatEndpoint, sameEndpoint } from '../tcp/endpoint.ts';
import type { Stage } from './scenario.ts';
import { commandIn, mustRun, nameOf, startListening } from './started-program.ts';

/** Programs that people bring, by the host that they run in, as a shell is told them. */
export type Programs = Partial<Record<HostName, string>>;

/** Where a program's connections come from, once its first has the port that was meant for it. */
const OTHER_PORTS = { first: 50_000, last: 60_999 };

/**
 * A scenario's recipe says what an end does. Here a program is that end: a call that it makes by itself sooner or later
 * (listen, connect, accept, close) is waited for until the socket table shows it; one that it can't be made to make is
 * refused. Everything else is the host's own.
 */
export function programEnd(host: Host, command: string, lab: Lab, stage: () => Stage): Host {
  const end = new ProgramEnd(host, command, lab, stage);
  const played = new Map<string | symbol, unknown>(
    PLAYED.map((name) => [name, (end[name] as (...args: never[]) => unknown).bind(end)]),
  );
  return new Proxy(host, {
    get: (inner, name) => {
      const own = played.get(name);
      if (own) return own;
      // A host's methods use its private fields.
      const value = Reflect.get(inner, name, inner) as unknown;
      return typeof value === 'function' ? (value as (...args: never[]) => unknown).bind(inner) : value;
    },
  });
}

const PLAYED = [
  'openSocket',
  'bind',
  'listen',
  'connect',
  'accept',
  'shutdown',
  'close',
  'abort',
  'send',
  'receive',
  'setOption',
  'takeError',
] as const satisfies readonly (keyof Host)[];

class ProgramEnd implements Pick<Host, (typeof PLAYED)[number]> {
  readonly #host: Host;
  readonly #command: string;
  readonly #lab: Lab;
  readonly #stage: () => Stage;
  /** What each socket of the recipe is bound to, and whom it is connected with. */
  readonly #sockets = new Map<SocketNumber, { local?: Endpoint; remote?: Endpoint }>();
  #last = 0;
  #program: Program | undefined;

  constructor(host: Host, command: string, lab: Lab, stage: () => Stage) {
    this.#host = host;
    this.#command = command;
    this.#lab = lab;
    this.#stage = stage;
  }

  async openSocket(): Promise<SocketNumber> {
    const socket = ++this.#last;
    this.#sockets.set(socket, {});
    return socket;
  }

  async bind(socket: SocketNumber, local: Endpoint): Promise<void> {
    this.#sockets.set(socket, { local });
  }

  async listen(socket: SocketNumber): Promise<void> {
    this.#sockets.set(socket, { local: this.#lab.serverEndpoint() });
    this.#program ??= await startListening(this.#lab, this.#host, this.#command, this.#stage().waitFor);
  }

  async connect(socket: SocketNumber, remote: Endpoint): Promise<string | null> {
    const local = this.#sockets.get(socket)?.local ?? this.#lab.nextClientEndpoint();
    this.#sockets.set(socket, { local, remote });
    // The first connection that it opens is given this port, which the lab's witnesses know.
    await this.#host.giveLocalPorts(local.port, local.port);
    this.#program ??= await this.#host.start(commandIn(this.#lab, this.#command));
    const program = this.#program;
    await this.#stage().waitFor(`${this.#named} to connect to ${formatEndpoint(remote)}`, async () => {
      await this.#host.observe();
      const tried = [...this.#lab.timeline.of('captured'), ...this.#lab.timeline.of('dropped')].some(
        ({ host, wire }) =>
          host === this.#host.name &&
          wire.kind === 'tcp' &&
          wire.segment.flags === 'S' &&
          sameEndpoint(wire.segment.source, local) &&
          sameEndpoint(wire.segment.destination, remote),
      );
      if (!tried) mustRun(program, this.#named, `connected to ${formatEndpoint(remote)}`);
      return tried;
    });
    await this.#host.giveLocalPorts(OTHER_PORTS.first, OTHER_PORTS.last);
    return 'EINPROGRESS';
  }

  /** A connection that a process of the program has open. */
  async accept(): Promise<SocketNumber | undefined> {
    const { port } = this.#lab.serverEndpoint();
    const known = [...this.#sockets.values()].flatMap(({ remote }) => remote ?? []);
    const row = (await this.#host.observe()).find(
      ({ local, remote, inode, state }) =>
        local.port === port &&
        inode !== 0 &&
        state !== 'LISTEN' &&
        !known.some((one) => sameEndpoint(one, remote)),
    );
    if (!row) return undefined;
    const socket = ++this.#last;
    this.#sockets.set(socket, { local: row.local, remote: row.remote });
    return socket;
  }

  shutdown(socket: SocketNumber): Promise<void> {
    return this.#toClose(socket);
  }

  close(socket: SocketNumber): Promise<void> {
    return this.#toClose(socket);
  }

  abort(): Promise<void> {
    return this.#refuse('to reset its connection');
  }

  /** It sends what it wants to. */
  async send(_: SocketNumber, data: Uint8Array): Promise<number> {
    return data.length;
  }

  /** And reads by itself: what is asked for here has happened, or will. */
  async receive(): Promise<Uint8Array> {
    return new Uint8Array();
  }

  /** What it sets is its own affair. */
  async setOption(): Promise<void> {}

  /** No errno can be read from a program's socket; that its attempt is over shows in the table. */
  async takeError(socket: SocketNumber): Promise<string | null> {
    const { local, remote } = this.#sockets.get(socket) ?? {};
    const rows = await this.#host.observe();
    const own = rows.some(
      (row) => local && remote && sameEndpoint(row.local, local) && sameEndpoint(row.remote, remote),
    );
    return own ? null : 'the attempt was over';
  }

  get #named(): string {
    return nameOf(this.#host, this.#command);
  }

  /** Nothing can make it close its end; but most do when the peer has. */
  async #toClose(socket: SocketNumber): Promise<void> {
    const { local, remote } = this.#sockets.get(socket) ?? {};
    if (!local || !remote) return this.#refuse('to stop listening');
    await this.#stage().waitFor(`${this.#named} to close its end`, async () => {
      const rows = await this.#host.observe();
      const row = rows.find((one) => sameEndpoint(one.local, local) && sameEndpoint(one.remote, remote));
      return !row || !STILL_OPEN.has(row.state);
    });
  }

  #refuse(what: string): never {
    const { name } = this.#host;
    throw new TcplabError('USAGE', `${this.#named} can’t be made ${what}`, {
      hint: `the ${name} of this scenario must be tcplab’s own: leave out --${name}`,
    });
  }
}

const STILL_OPEN = new Set(['SYN-SENT', 'SYN-RECEIVED', 'ESTABLISHED', 'CLOSE-WAIT']);
