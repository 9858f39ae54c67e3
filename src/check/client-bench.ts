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

/** What a program did about what befell its connection. */
export type Reaction =
  | { what: 'ended'; status: number; tookMs: number }
  /** It runs on, without a socket that is still in use. */
  | { what: 'let go'; tookMs: number }
  | { what: 'nothing'; row: SocketRow };

/** A lab whose client is the program; what it connects to is tcplab's own. */
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

  /** Starts the program, and waits until it has sent a SYN to the server. TIMEOUT when it has not. */
  async start(): Promise<void> {
    const { lab, options } = this;
    this.#program = await lab.client.start(commandIn(lab, options.command));
    await this.until(async () => {
      await lab.client.observe();
      return this.attempts() > 0 || this.program.status !== undefined;
    }, this.startWithinMs);
    this.wasThere ||= this.attempts() > 0;
    if (this.attempts() > 0) return;
    throw new TcplabError('TIMEOUT', 'it did not try to connect to the server’s address and port');
  }

  /** Starts it against a server that accepts, and waits for its connection and what it first says. */
  async call(options: Parameters<ClientBench['listen']>[0] = {}): Promise<Call> {
    const listener = await this.listen(options);
    await this.start();
    const accepted = await this.until(() => this.lab.server.accept(listener));
    if (!accepted) throw new TcplabError('TIMEOUT', 'its connection did not come to stand');
    const call = new Call(this, accepted.value);
    await call.listen();
    return call;
  }

  /** How often it has tried: SYNs from different ports. */
  attempts(): number {
    const ports = new Set<number>();
    for (const { host, wire } of [...this.lab.timeline.of('captured'), ...this.lab.timeline.of('dropped')]) {
      if (host !== 'client' || wire.kind !== 'tcp' || wire.segment.flags !== 'S') continue;
      if (wire.segment.destination.port === this.lab.serverPort) ports.add(wire.segment.source.port);
    }
    return ports.size;
  }

  /** Its sockets to the server, in whatever state. */
  async sockets(): Promise<SocketRow[]> {
    const rows = await this.lab.client.observe();
    return rows.filter(({ remote }) => remote.port === this.lab.serverPort);
  }

  /** Waits until it has ended, or has let go of its connection; or something else is enough. */
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
      // Most that let go end at once; some try again.
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
   * The usual judgement: it should find out, soon, and say so by its exit status. `onSuccess`: what it is when the status
   * says that all is well. `isThere`: the server's kernel answers all that is sent to it, so no timer of TCP ends the wait.
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
        const says = `it ended with status ${status} after ${seconds(tookMs)}, ${tried}`;
        return status === 0 ? onSuccess(`${says}: as if all were well`) : good(says);
      }
      case 'let go':
        return good(`it gave its connection up after ${seconds(reaction.tookMs)} and runs on, ${tried}`);
      case 'nothing': {
        const { row } = reaction;
        if (row.state === 'CLOSE-WAIT')
          return fault(
            `${seconds(this.withinMs)} after the server’s FIN it was still in CLOSE-WAIT, ${tried}`,
          );
        const still = `after ${seconds(this.withinMs)} it was still in ${row.state}, ${tried}`;
        if (isThere) return risk(`${still}; to TCP all is well, and no timer ends that`);
        return risk(`${still}; ${describeEnd(row, await this.forecast(row, 'client'))}`);
      }
    }
  }

  /** `192.168.2.11:80 in ESTABLISHED, descriptor 5`, for what is left. */
  describe(rows: readonly SocketRow[]): string {
    return rows.map(({ remote, state }) => `${formatEndpoint(remote)} in ${state}`).join(', ');
  }
}

/** For how long a program that has let go is looked at. */
const AGAIN_MS = 2000;

/** Not what the kernel finishes by itself. */
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

  /** Waits for the first that the program says. Some say nothing: then no longer than half a second. */
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

  /** Sends an answer, or its first part: by HTTP when that is what was heard. */
  async answer({ part }: { part: boolean }): Promise<void> {
    const body = 'x'.repeat(1000);
    const isHttp = /^[A-Z]+ \S+ HTTP\/1\.\d/.test(this.heard.toString('latin1'));
    const type = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n';
    const whole = isHttp ? `${type}Content-Length: ${body.length}\r\n\r\n${body}` : `${body}\n`;
    await this.#bench.lab.server.send(this.socket, Buffer.from(part ? whole.slice(0, -500) : whole));
  }
}
