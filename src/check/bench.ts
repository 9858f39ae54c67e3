import { TcplabError } from '../error.ts';
import { type Connection, endOf } from '../evidence/connection.ts';
import type { HostName } from '../evidence/events.ts';
import { outlookOf } from '../evidence/outlook.ts';
import { errorLine } from '../evidence/program-ends.ts';
import { rowOf } from '../evidence/witness/socket-table.ts';
import type { FirewallKind } from '../lab/firewall.ts';
import type { SocketNumber, StartOptions } from '../lab/host.ts';
import { Lab, type LabOptions } from '../lab/lab.ts';
import type { Program } from '../lab/program.ts';
import type { Settings } from '../lab/settings.ts';
import { readTcpSysctls } from '../lab/tcp-sysctls.ts';
import { stageOf } from '../scenario/reach.ts';
import type { Stage } from '../scenario/stage.ts';
import type { Command } from '../scenario/started-program.ts';
import type { Turn } from '../scenario/turn.ts';
import type { Family } from '../tcp/endpoint.ts';
import type { Forecast } from '../tcp/forecast.ts';
import type { SocketRow } from '../tcp/socket-row.ts';
import type { Peculiarities } from '../tcp/timers.ts';
import type { Channel } from './channel.ts';
import { describeEnd } from './describe.ts';
import type { Talk } from './talk/talk.ts';

export interface TlsOptions {
  /** The server's name, which a client sends (SNI, RFC 6066, 3) and which is in the certificate. */
  name: string;
  /** What is spoken in it (ALPN, RFC 7301); none if empty. */
  protocols: string[];
}

export interface CheckOptions {
  /** The program: a text is for the shell, words are executed as they are. */
  command: Command;
  /** How the program is started: as which user, with which environment. */
  start?: StartOptions;
  /** The port that the server listens on. */
  port: number;
  family: Family;
  firewall?: FirewallKind;
  talk: Talk;
  /** If the connections are in TLS. */
  tls?: TlsOptions | undefined;
  /** Where the hosts are, and what is set there. */
  lab?: Pick<LabOptions, 'hosts' | keyof Settings>;
  /** How long a program may take for anything that it should do soon, in milliseconds. */
  withinMs: number;
  /** What a supervisor sends to stop the program; default: SIGTERM. */
  stopSignal?: NodeJS.Signals;
  /** Whether the whole process group gets it, and not only the process that was started. */
  signalGroup?: boolean;
}

const LEAST_START_MS = 5000;

/** A test that waits longer lets the others go on. */
const HOLDS_TURN_MS = 50;

/** A lab in which a program is tested: the part that server and client tests share. */
export abstract class Bench implements AsyncDisposable {
  readonly lab: Lab;
  readonly stage: Stage;
  readonly options: CheckOptions;
  /** Of a relay: the side of its server. */
  readonly back?: Lab;
  /** What the program has said to tcplab, in all connections of the test. */
  readonly said: Buffer[] = [];
  readonly #turn: Turn;
  #pass: () => void;
  #program: Program | undefined;

  protected constructor(lab: Lab, options: CheckOptions, turn: Turn, pass: () => void) {
    this.lab = lab;
    this.stage = stageOf(lab, { withinMs: options.withinMs });
    this.options = options;
    this.#turn = turn;
    this.#pass = pass;
  }

  protected static openLab({ family, firewall = 'nft', port, lab = {} }: CheckOptions): Promise<Lab> {
    return Lab.open({ ...lab, family, firewall, serverPort: port });
  }

  get withinMs(): number {
    return this.options.withinMs;
  }

  get talk(): Talk {
    return this.options.talk;
  }

  /** How long the program may take to start, which is independent of how soon it must respond. */
  get startWithinMs(): number {
    return Math.max(this.withinMs, LEAST_START_MS);
  }

  get program(): Program {
    if (!this.#program) throw new Error('the program was not started');
    return this.#program;
  }

  /** When the program exited, in milliseconds of the lab. */
  get exitMs(): number | undefined {
    return this.lab.timeline.of('program-ended').at(-1)?.atMs;
  }

  protected started(program: Program): void {
    this.#program = program;
  }

  /**
   * The first truthy result of `attempt` and how long it took, in milliseconds; undefined if there was none in time. Tests run
   * side by side: while one waits, the others go on.
   */
  async until<T>(
    attempt: () => T | Promise<T>,
    withinMs: number = this.withinMs,
  ): Promise<{ value: NonNullable<T>; tookMs: number } | undefined> {
    const startMs = this.lab.nowMs();
    const soon = await this.#tryFor(attempt, Math.min(withinMs, HOLDS_TURN_MS));
    if (soon !== undefined || withinMs <= HOLDS_TURN_MS)
      return soon === undefined ? undefined : { value: soon, tookMs: this.lab.nowMs() - startMs };
    return this.letOthers(async () => {
      const value = await this.#tryFor(attempt, withinMs - HOLDS_TURN_MS);
      return value === undefined ? undefined : { value, tookMs: this.lab.nowMs() - startMs };
    });
  }

  /** While this test waits, the others go on. */
  protected async letOthers<T>(work: () => Promise<T>): Promise<T> {
    this.#pass();
    try {
      return await work();
    } finally {
      this.#pass = await this.#turn.take();
    }
  }

  async #tryFor<T>(attempt: () => T | Promise<T>, withinMs: number): Promise<NonNullable<T> | undefined> {
    try {
      return await this.lab.waitFor('it', attempt, withinMs);
    } catch (error) {
      if (error instanceof TcplabError && error.code === 'TIMEOUT') return undefined;
      throw error;
    }
  }

  /** A connection of tcplab's own as bytes: in TLS if the test is of TLS. */
  abstract channel(socket: SocketNumber): Channel;

  /** The row of one end of a connection, as it is now. */
  async row(connection: Connection, host: HostName): Promise<SocketRow | undefined> {
    const rows = await this.lab.host(host).observe();
    return rowOf(rows, endOf(connection, host, 'CLOSED'));
  }

  /** What the kernel will do about an end without the program, and when. */
  async forecast(
    row: SocketRow,
    host: HostName,
    known: Peculiarities = {},
    lab: Lab = this.lab,
  ): Promise<Forecast> {
    const sysctls = { [host]: await readTcpSysctls(lab.host(host)) };
    const { timeline } = lab;
    return outlookOf(host, row, { timeline, sysctls, tables: {}, nowMs: lab.nowMs() }, known);
  }

  /** The same in words: a clause that follows `still open after 5 s`. */
  async outlook(row: SocketRow, host: HostName, known: Peculiarities = {}): Promise<string> {
    return describeEnd(row, await this.forecast(row, host, known));
  }

  /** Drops everything between the hosts, in both directions, as a pulled cable does. */
  async cut(): Promise<void> {
    await this.lab.server.setRule({ hook: 'in', destinationPort: this.lab.serverPort, fate: 'drop' });
    await this.lab.server.setRule({ hook: 'out', sourcePort: this.lab.serverPort, fate: 'drop' });
  }

  /** Has the program stopped as a supervisor does: one signal to the process that was started. */
  signalStop(): void {
    const { stopSignal = 'SIGTERM', signalGroup = false } = this.options;
    this.program.signal(stopSignal, signalGroup ? 'group' : 'process');
  }

  /** The program's last words: the line of its output that tells why it ended; null if there is none. */
  get lastWords(): string | null {
    return errorLine(this.program.output) ?? null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.lab[Symbol.asyncDispose]();
    } finally {
      this.#pass();
    }
  }
}
