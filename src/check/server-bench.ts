import { setImmediate as turn } from 'node:timers/promises';
import { endOf } from '../evidence/connection.ts';
import type { HostName } from '../evidence/events.ts';
import { errorLine } from '../evidence/program-ends.ts';
import { listenerOf } from '../evidence/witness/socket-table.ts';
import { descendantsOf, socketHolders } from '../kernel/process.ts';
import { isEnterable, type SocketNumber } from '../lab/host.ts';
import { stageOf } from '../scenario/reach.ts';
import {
  type Command,
  commandIn,
  ListensElsewhere,
  nameOf,
  startListening,
  wentToBackground,
} from '../scenario/started-program.ts';
import type { Turn } from '../scenario/turn.ts';
import { formatEndpoint } from '../tcp/endpoint.ts';
import type { SocketRow } from '../tcp/socket-row.ts';
import { Bench, type CheckOptions } from './bench.ts';
import { type Channel, PlainChannel } from './channel.ts';
import { seconds } from './describe.ts';
import { TlsChannel } from './tls/tls-channel.ts';
import { Visitor } from './visitor.ts';

/** The witnesses match a lab's events by its first ports. The ports of many clients are above them. */
const CROWD_FIRST_PORT = 50_000;

/** How soon the parent of a daemon exits after its child listens, and a program after its sockets are gone. */
const EXITS_WITHIN_MS = 300;

/** How soon a server answers that does not wait for the rest of a request. */
const ANSWERS_WITHIN_MS = 100;

/** A record of TLS with an alert takes no more, in any cipher: it comes just before the FIN. */
const CLOSE_NOTIFY_BYTES = 80;

/** What became of a client's request. */
export type Fate = 'answered' | 'answered with an error' | 'refused' | 'cut' | 'no reply';

/** A lab whose server is the program. */
export class ServerBench extends Bench {
  #visitors = 0;
  /** How the connection of the last client of `whatIsWrong` ended. */
  lastEnded: Visitor['ended'] = 'open';

  static async open(options: CheckOptions, turn: Turn): Promise<ServerBench> {
    const pass = await turn.take();
    try {
      return new ServerBench(await Bench.openLab(options), options, turn, pass);
    } catch (error) {
      pass();
      throw error;
    }
  }

  channel(socket: SocketNumber): Channel {
    const { client } = this.lab;
    const { tls } = this.options;
    return tls
      ? new TlsChannel(client, socket, { role: 'client', ...tls })
      : new PlainChannel(client, socket);
  }

  /** Whether tcplab sends a request, so that there is a response to test. */
  get talks(): boolean {
    return this.talk.request.length > 0;
  }

  /**
   * Starts it, for the first time or again. Throws TIMEOUT if it does not listen in time. `descriptors`: how many it may open
   * (RLIMIT_NOFILE).
   */
  async start({ descriptors }: { descriptors?: number } = {}): Promise<void> {
    const { lab, startWithinMs } = this;
    const { command } = this.options;
    const { waitFor } = stageOf(lab, { withinMs: startWithinMs });
    this.started(
      await this.letOthers(() =>
        startListening(
          lab,
          lab.server,
          descriptors === undefined ? command : limited(command, descriptors),
          waitFor,
          this.options.start,
        ),
      ),
    );
    if (this.talk.isStarting) await this.until(() => this.#isReady(), startWithinMs);
  }

  /**
   * Starts a second copy beside the first, and waits until it listens on the same port too: then it is the program from now on.
   * Gives null, or why there is no second copy as a clause.
   */
  async startBeside(): Promise<string | null> {
    const { lab, options } = this;
    const other = await lab.server.start(commandIn(lab, options.command), options.start);
    const listens = async () => (await this.holders([other.pid, ...descendantsOf([other.pid])])).length > 0;
    await this.until(async () => other.status !== undefined || (await listens()), this.startWithinMs);
    if (other.status !== undefined)
      return `it exited with status ${other.status}${clause(errorLine(other.output))}`;
    if (!(await listens())) {
      await other.stop(EXITS_WITHIN_MS);
      return `it did not listen on port ${lab.serverPort} within ${seconds(this.startWithinMs)}`;
    }
    this.started(other);
    return null;
  }

  /** Waits for what becomes of a request that was sent. */
  async fateOf(visitor: Visitor): Promise<Fate> {
    await this.until(async () => (await visitor.isAnswered()) || visitor.ended !== 'open');
    if (await visitor.isAnswered()) return visitor.problem === null ? 'answered' : 'answered with an error';
    if (visitor.ended === 'ECONNREFUSED') return 'refused';
    return visitor.ended === 'open' ? 'no reply' : 'cut';
  }

  /** Whether a client gets another answer than that the server is starting. */
  async #isReady(): Promise<boolean> {
    const visitor = await this.visit();
    await visitor?.exchange();
    const { problem = null } = visitor ?? {};
    await visitor?.abort();
    return problem === null || !this.talk.isStarting?.(problem);
  }

  /**
   * Throws if the process that was started has exited, though the program serves: nothing could be told of its end; or if no
   * connection came about because it listens for IPv6 alone (IPV6_V6ONLY), which the socket table does not show.
   */
  async mustBeReachable(visitor: Visitor | undefined): Promise<void> {
    const { lab, options } = this;
    const listener = await this.listener();
    if (!listener) return;
    const named = nameOf(lab, lab.server, options.command);
    if (!visitor && options.family === 'ipv4' && listener.local.address === '::')
      throw new ListensElsewhere(
        'TIMEOUT',
        `${named} listens on ${formatEndpoint(listener.local)} for IPv6 only, and refused a connection over IPv4: use --ipv6`,
      );
    // The owners as they are now. The parent of a daemon exits soon after its child has begun.
    await lab.server.count();
    const owners = lab.timeline.of('socket-owned').filter(({ inode }) => inode === listener.inode);
    if (owners.every(({ pid }) => pid === this.program.pid)) return;
    await this.until(() => this.program.exitStatus !== undefined, EXITS_WITHIN_MS);
    if (this.program.exitStatus === 0) throw wentToBackground(this.program, named);
  }

  /** A shell may exit at any time, with the program in the background: then nothing can be told of the program's end. */
  async #mustBeInForeground(): Promise<void> {
    const { program, lab, options } = this;
    if (program.exitStatus === 0 && (await this.listener()))
      throw wentToBackground(program, nameOf(lab, lab.server, options.command));
  }

  /** Connects. Gives undefined if the connection is not established in time. `receiveBuffer`: SO_RCVBUF, in bytes. */
  async visit({ receiveBuffer }: { receiveBuffer?: number } = {}): Promise<Visitor | undefined> {
    await this.#mustBeInForeground();
    const visitor = await this.connect(receiveBuffer);
    const isOver = async () => (await visitor.isConnected()) || visitor.ended !== 'open';
    return (await this.until(isOver)) && (await visitor.isConnected()) ? visitor : undefined;
  }

  /**
   * A request that the server has read in part, so that its response can't be complete before the rest is sent; undefined if the
   * server does not read it, or answers without the rest.
   */
  async inProgress(): Promise<{ busy: Visitor; rest: Buffer } | undefined> {
    const { length } = this.talk.request;
    if (length < 2) return undefined;
    // An echo answers a request without its last byte.
    return (await this.#inProgress(length - 1)) ?? (await this.#inProgress(1));
  }

  async #inProgress(bytes: number): Promise<{ busy: Visitor; rest: Buffer } | undefined> {
    const { request } = this.talk;
    const busy = await this.visit();
    if (!busy) return undefined;
    await this.until(async () => (await busy.isGreeted()) || busy.ended !== 'open');
    await busy.send(request.subarray(0, bytes));
    const isRead = await this.until(async () => {
      const row = await this.serverRow(busy);
      return row !== undefined && row.inode !== 0 && row.receiveQueue === 0;
    });
    await this.until(() => busy.isAnswered(), ANSWERS_WITHIN_MS);
    const isHeld = isRead !== undefined && busy.ended === 'open' && !(await busy.isAnswered());
    return isHeld ? { busy, rest: request.subarray(bytes) } : undefined;
  }

  /** Starts to connect and does not wait. */
  async connect(receiveBuffer?: number): Promise<Visitor> {
    const { lab } = this;
    // Many of them follow each other: Ctrl-C has its turn.
    await turn();
    const own = this.#visitors < 10;
    const client = own
      ? lab.nextClientEndpoint()
      : { address: lab.client.address, port: CROWD_FIRST_PORT + this.#visitors };
    this.#visitors++;
    const connection = { client, server: lab.serverEndpoint() };
    const socket = await lab.client.openSocket();
    if (receiveBuffer) await lab.client.setOption(socket, 'SO_RCVBUF', receiveBuffer);
    await lab.client.bind(socket, client);
    await lab.client.connect(socket, connection.server);
    return new Visitor(this, connection, socket);
  }

  /**
   * Waits until a process of the program has the connection open, or had it: a client can't see that. With
   * TCP_DEFER_ACCEPT it is not before the first byte of the client.
   */
  async isAccepted(visitor: Visitor): Promise<boolean> {
    const accepted = await this.until(async () => {
      const row = await this.row(visitor.connection, 'server');
      return row === undefined || row.inode !== 0 || (await visitor.read()) > 0 || visitor.ended !== 'open';
    });
    return accepted !== undefined;
  }

  serverRow({ connection }: Visitor): Promise<SocketRow | undefined> {
    return this.row(connection, 'server');
  }

  async listener(): Promise<SocketRow | undefined> {
    const rows = await this.lab.server.observe();
    const connection = { client: { address: '', port: 0 }, server: this.lab.serverEndpoint() };
    return listenerOf(rows, endOf(connection, 'server', 'LISTEN'));
  }

  /** Which processes have a listener on its port open; of the program's, unless others are given. */
  async holders(processes: readonly number[] = this.processes ?? []): Promise<number[]> {
    const rows = await this.lab.server.observe();
    const listeners = rows.filter(
      ({ state, local }) => state === 'LISTEN' && local.port === this.lab.serverPort,
    );
    const inodes = new Set(listeners.map(({ inode }) => inode));
    return [...new Set(socketHolders(processes).flatMap(({ inode, pid }) => (inodes.has(inode) ? pid : [])))];
  }

  /** The connections to its port that a process of the program has open, in any state. */
  async held(): Promise<SocketRow[]> {
    const rows = await this.lab.server.observe();
    return rows.filter(
      ({ state, inode, local }) => state !== 'LISTEN' && inode !== 0 && local.port === this.lab.serverPort,
    );
  }

  /** How many sockets of the program's port are in a state. */
  async countInState(state: SocketRow['state']): Promise<number> {
    const rows = await this.lab.server.observe();
    return rows.filter((row) => row.local.port === this.lab.serverPort && row.state === state).length;
  }

  /** Tests a new client: null if it is served, or what is wrong as a clause. */
  async whatIsWrong(): Promise<string | null> {
    await this.#mustBeInForeground();
    const { status } = this.program;
    if (status !== undefined) return `the program exited with status ${status}`;
    const visitor = await this.visit();
    if (!visitor) {
      // The end of a program is known a little after its sockets are gone.
      const ended = await this.until(() => this.program.status !== undefined, EXITS_WITHIN_MS);
      return ended
        ? `the program exited with status ${this.program.status}`
        : `a new connection was not established within ${seconds(this.withinMs)}`;
    }
    const tookMs = await visitor.exchange();
    const isServed = tookMs !== undefined && (this.talks || (await this.isAccepted(visitor)));
    const { ended, problem } = visitor;
    this.lastEnded = ended;
    await visitor.close();
    if (isServed) return problem && `a new client got ${problem}`;
    if (tookMs !== undefined) return `a new connection was not accepted within ${seconds(this.withinMs)}`;
    return ended === 'open'
      ? `a new client got no complete response within ${seconds(this.withinMs)}`
      : `a new client got ${ended} before a complete response`;
  }

  /** How long the server kept a connection open after its last bytes, in milliseconds; undefined if no packet shows it. */
  async keptIdleMs({ connection: { client } }: Visitor): Promise<number | undefined> {
    const least = this.options.tls ? CLOSE_NOTIFY_BYTES : 0;
    await this.lab.observe();
    const sent = this.lab.timeline.of('captured').flatMap(({ atMs, host, direction, wire }) => {
      const isOurs = host === 'server' && direction === 'sent' && wire.kind === 'tcp';
      return isOurs && wire.segment.destination.port === client.port ? { atMs, ...wire.segment } : [];
    });
    const end = sent.find(({ flags }) => /[FR]/.test(flags));
    const last = sent.findLast(({ atMs, length }) => length > least && atMs <= (end?.atMs ?? 0));
    return end && last && end.atMs - last.atMs;
  }

  /** The program's processes; undefined if they are on another machine. */
  get processes(): number[] | undefined {
    if (!isEnterable(this.lab.server)) return undefined;
    return [this.program.pid, ...descendantsOf([this.program.pid])];
  }

  /** A counter of a host's kernel (nstat(8)), since the lab was opened. */
  async counted(name: string, of: HostName = 'server'): Promise<number> {
    await this.lab.host(of).count();
    return this.lab.timeline.of('counted').findLast(({ host }) => host === of)?.counters[name] ?? 0;
  }
}

function clause(text: string | undefined): string {
  return text === undefined ? '' : `: ${text}`;
}

/** The same command with a limit of open descriptors, soft and hard: Node raises the soft one. */
function limited(command: Command, descriptors: number): Command {
  const limit = `ulimit -n ${descriptors}`;
  return typeof command === 'string'
    ? `${limit}; ${command}`
    : ['/bin/sh', '-c', `${limit}; exec "$0" "$@"`, ...command];
}
