import { TcplabError } from '../error.ts';
import type { SocketNumber } from '../lab/host.ts';
import type { Program } from '../lab/program.ts';
import { listening } from '../scenario/opening.ts';
import { commandIn } from '../scenario/started-program.ts';
import { formatEndpoint } from '../tcp/endpoint.ts';
import type { SocketRow } from '../tcp/socket-row.ts';
import type { State } from '../tcp/state.ts';
import { Bench, type CheckOptions, describeEnd, seconds } from './bench.ts';
import { type Finding, fault, good, risk } from './probe.ts';

/** How a program reacted to what happened to its connection. */
export type Reaction =
  | { what: 'ended'; status: number; tookMs: number }
  /** It keeps running, without a socket in use. */
  | { what: 'let go'; tookMs: number }
  | { what: 'nothing'; row: SocketRow };

/** A lab whose client is the program, and whose server is tcplab. */
export class ClientBench extends Bench {
  #program: Program | undefined;

  static async open(options: CheckOptions): Promise<ClientBench> {
    return new ClientBench(await Bench.openLab(options), options);
  }

  get program(): Program {
    if (!this.#program) throw new Error('the program was not started');
    return this.#program;
  }

  listen(options: { backlog?: number; receiveBuffer?: number } = {}): Promise<SocketNumber> {
    return listening(this.stage, options);
  }

  /** Starts the program, and waits until it has sent a SYN to the server. Throws TIMEOUT if it does not. */
  async start(): Promise<void> {
    const { lab, options } = this;
    this.#program = await lab.client.start(commandIn(lab, options.command));
    await this.until(async () => {
      await lab.client.observe();
      return this.attempts() > 0 || this.program.status !== undefined;
    }, this.startWithinMs);
    this.wasThere ||= this.attempts() > 0;
    if (this.attempts() > 0) return;
    throw new TcplabError('TIMEOUT', "the client did not try to connect to the server's address and port");
  }

  /** Starts it against a server that accepts, and waits for its connection and its first bytes. */
  async call(options: Parameters<ClientBench['listen']>[0] = {}): Promise<Call> {
    const listener = await this.listen(options);
    await this.start();
    const accepted = await this.until(() => this.lab.server.accept(listener));
    if (!accepted) throw new TcplabError('TIMEOUT', 'its connection was not established');
    const call = new Call(this, accepted.value);
    await call.listen();
    return call;
  }

  /** How often it has tried to connect: SYNs from different ports. */
  attempts(): number {
    const ports = new Set<number>();
    for (const { host, wire } of [...this.lab.timeline.of('captured'), ...this.lab.timeline.of('dropped')]) {
      if (host !== 'client' || wire.kind !== 'tcp' || wire.segment.flags !== 'S') continue;
      if (wire.segment.destination.port === this.lab.serverPort) ports.add(wire.segment.source.port);
    }
    return ports.size;
  }

  /** Its sockets to the server, in any state. */
  async sockets(): Promise<SocketRow[]> {
    const rows = await this.lab.client.observe();
    return rows.filter(({ remote }) => remote.port === this.lab.serverPort);
  }

  /** Waits until it has exited or has closed its connection, or `orWhen` is true. */
  async reaction({ orWhen = () => false }: { orWhen?: () => boolean } = {}): Promise<Reaction> {
    const { withinMs } = this;
    let rows: SocketRow[] = [];
    const reacted = await this.until(async () => {
      rows = (await this.sockets()).filter(isInUse);
      return this.program.status !== undefined || rows.length === 0 || orWhen();
    });
    const { status } = this.program;
    if (status !== undefined) return { what: 'ended', status, tookMs: reacted?.tookMs ?? withinMs };
    if (reacted) {
      // Most programs that close exit at once; some retry.
      const ended = await this.until(
        async () => {
          await this.lab.client.observe();
          return this.program.status !== undefined || orWhen();
        },
        Math.min(withinMs, AGAIN_MS),
      );
      const tookMs = reacted.tookMs + (ended?.tookMs ?? 0);
      return ended ? { what: 'ended', status: this.program.status ?? 0, tookMs } : { what: 'let go', tookMs };
    }
    return { what: 'nothing', row: rows[0] as SocketRow };
  }

  /**
   * The usual verdict: the program should notice soon, and report it by its exit status. `onSuccess` is the verdict if the
   * status reports success. `isThere`: the server's kernel acknowledges everything, so no TCP timer ends the wait.
   */
  async judge(
    reaction: Reaction,
    { onSuccess = risk, isThere = false }: { onSuccess?: (says: string) => Finding; isThere?: boolean } = {},
  ): Promise<Finding> {
    const times = this.attempts();
    const tried = `${times} ${times === 1 ? 'attempt' : 'attempts'}`;
    switch (reaction.what) {
      case 'ended': {
        const { status, tookMs } = reaction;
        const says = `exited with status ${status} after ${seconds(tookMs)} (${tried})`;
        return status === 0 ? onSuccess(`${says}, which reports success`) : good(says);
      }
      case 'let go':
        return good(`closed its connection after ${seconds(reaction.tookMs)} and keeps running (${tried})`);
      case 'nothing': {
        const { row } = reaction;
        if (row.state === 'CLOSE-WAIT')
          return fault(`still in CLOSE-WAIT ${seconds(this.withinMs)} after the server's FIN (${tried})`);
        const still = `still in ${row.state} after ${seconds(this.withinMs)} (${tried})`;
        if (isThere)
          return risk(`${still}; the server's kernel acknowledges everything, so no TCP timer ends the wait`);
        return risk(`${still}; ${describeEnd(row, await this.forecast(row, 'client', { answered: false }))}`);
      }
    }
  }

  /** `192.168.2.11:80 in ESTABLISHED`, for connections that are left over. */
  describe(rows: readonly SocketRow[]): string {
    return rows.map(({ remote, state }) => `${formatEndpoint(remote)} in ${state}`).join(', ');
  }
}

/** How long to wait for the exit of a program that has closed its connection. */
const AGAIN_MS = 2000;

/** Whether the program uses it: orphaned sockets and TIME-WAIT are the kernel's. */
export function isInUse({ state }: SocketRow): boolean {
  return IN_USE.has(state);
}

const IN_USE: ReadonlySet<State> = new Set(['SYN-SENT', 'SYN-RECEIVED', 'ESTABLISHED', 'CLOSE-WAIT']);

/** The server's end of the program's connection. */
export class Call {
  readonly #bench: ClientBench;
  readonly socket: SocketNumber;
  heard: Buffer = Buffer.alloc(0);

  constructor(bench: ClientBench, socket: SocketNumber) {
    this.#bench = bench;
    this.socket = socket;
  }

  /** Waits for the first bytes of the program, at most half a second, because some programs send nothing. */
  async listen(): Promise<void> {
    await this.#bench.until(
      async () => {
        const data = await this.#bench.lab.server.receive(this.socket);
        if (data) this.heard = Buffer.concat([this.heard, data]);
        return data !== undefined;
      },
      Math.min(500, this.#bench.withinMs),
    );
  }

  /** Sends a response, or its first part: an HTTP response if the request was HTTP. */
  async answer({ part }: { part: boolean }): Promise<void> {
    const body = 'x'.repeat(1000);
    const isHttp = /^[A-Z]+ \S+ HTTP\/1\.\d/.test(this.heard.toString('latin1'));
    const type = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n';
    const whole = isHttp ? `${type}Content-Length: ${body.length}\r\n\r\n${body}` : `${body}\n`;
    await this.#bench.lab.server.send(this.socket, Buffer.from(part ? whole.slice(0, -500) : whole));
  }
}
