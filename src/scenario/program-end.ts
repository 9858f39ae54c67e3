import { TcplabError } from '../error.ts';
import type { HostName } from '../evidence/events.ts';
import { FIRST_PORT_OF_PROGRAMS, LAST_CLIENT_PORT } from '../lab/client-ports.ts';
import { type Host, SOCKET_CALLS, type SocketNumber } from '../lab/host.ts';
import type { Lab } from '../lab/lab.ts';
import type { Program } from '../lab/program.ts';
import { type Endpoint, formatEndpoint, sameEndpoint } from '../tcp/endpoint.ts';
import type { Stage } from './stage.ts';
import { commandIn, mustRun, nameOf, startListening } from './started-program.ts';

/** Users' programs by the host that they run in, each as a command for the shell. */
export type Programs = Partial<Record<HostName, string>>;

/** The ports of a program's further connections, once its first one has the port that the recipe expects. */
const OTHER_PORTS = { first: 50_000, last: 60_999 };

/**
 * A host whose end of the connection is a program. For each call of a scenario's recipe that a program makes by itself
 * (listen, connect, accept, close), it waits until the socket table shows the call; a call that tcplab cannot force on a
 * program throws. Everything else is the host's own.
 */
export function programEnd(host: Host, command: string, lab: Lab, stage: () => Stage): Host {
  const end = new ProgramEnd(host, command, lab, stage);
  const played = new Map<string | symbol, unknown>(
    SOCKET_CALLS.map((name) => [name, (end[name] as (...args: never[]) => unknown).bind(end)]),
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

class ProgramEnd implements Pick<Host, (typeof SOCKET_CALLS)[number]> {
  readonly #host: Host;
  readonly #command: string;
  readonly #lab: Lab;
  readonly #stage: () => Stage;
  /** The local and the remote endpoint of each socket of the recipe. */
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
    // The program's first connection gets this port, which the lab's witnesses know.
    await this.#host.giveLocalPorts(local.port, local.port);
    this.#program ??= await this.#host.start(commandIn(this.#lab, this.#command));
    const program = this.#program;
    await this.#stage().waitFor(
      { failure: `${this.#named} did not connect to ${formatEndpoint(remote)}` },
      async () => {
        await this.#host.observe();
        const ports = this.#portsTried(remote);
        const [other] = ports;
        if (ports.includes(local.port)) return true;
        if (other !== undefined) this.#refusePort(other, local.port);
        mustRun(program, this.#named, `connected to ${formatEndpoint(remote)}`);
        return false;
      },
    );
    await this.#host.giveLocalPorts(OTHER_PORTS.first, OTHER_PORTS.last);
    return 'EINPROGRESS';
  }

  /** Returns a connection that a process of the program has open. */
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
    return this.#refuse('reset its connection');
  }

  /** The program decides what it sends. */
  async send(_: SocketNumber, data: Uint8Array): Promise<number> {
    return data.length;
  }

  /** The program itself reads. */
  async receive(): Promise<Uint8Array> {
    return new Uint8Array();
  }

  /** The program sets its own options. */
  async setOption(): Promise<void> {}

  /** tcplab cannot read SO_ERROR of a program's socket. The socket table shows that the attempt is over. */
  async takeError(socket: SocketNumber): Promise<string | null> {
    const { local, remote } = this.#sockets.get(socket) ?? {};
    const rows = await this.#host.observe();
    const own = rows.some(
      (row) => local && remote && sameEndpoint(row.local, local) && sameEndpoint(row.remote, remote),
    );
    return own ? null : 'the attempt ended';
  }

  /** From which of its ports the host has sent a SYN. */
  #portsTried(remote: Endpoint): number[] {
    return [...this.#lab.timeline.of('captured'), ...this.#lab.timeline.of('dropped')].flatMap(
      ({ host, wire }) => {
        if (host !== this.#host.name || wire.kind !== 'tcp' || wire.segment.flags !== 'S') return [];
        const { source, destination } = wire.segment;
        return sameEndpoint(destination, remote) ? [source.port] : [];
      },
    );
  }

  /** There is one port in its range: it has bound another. */
  #refusePort(bound: number, expected: number): never {
    const isPossible = bound >= FIRST_PORT_OF_PROGRAMS && bound <= LAST_CLIENT_PORT;
    const remedy = isPossible ? `--client-port ${bound}` : 'let it connect without bind()';
    throw new TcplabError(
      'USAGE',
      `${this.#named} bound port ${bound}, but tcplab expects ${expected}: ${remedy}`,
    );
  }

  get #named(): string {
    return nameOf(this.#lab, this.#host, this.#command);
  }

  /** tcplab cannot make a program close its end, but most programs do after the peer's FIN. */
  async #toClose(socket: SocketNumber): Promise<void> {
    const { local, remote } = this.#sockets.get(socket) ?? {};
    if (!local || !remote) return this.#refuse('stop listening');
    await this.#stage().waitFor({ failure: `${this.#named} did not close its end` }, async () => {
      const rows = await this.#host.observe();
      const row = rows.find((one) => sameEndpoint(one.local, local) && sameEndpoint(one.remote, remote));
      return !row || !STILL_OPEN.has(row.state);
    });
  }

  #refuse(what: string): never {
    const { name } = this.#host;
    throw new TcplabError('USAGE', `tcplab can't make ${this.#named} ${what}`, {
      hint: `leave out --${name}, so that tcplab itself plays the ${name}`,
    });
  }
}

const STILL_OPEN = new Set(['SYN-SENT', 'SYN-RECEIVED', 'ESTABLISHED', 'CLOSE-WAIT']);
