import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { DIST } from '../dist.ts';
import { TcplabError } from '../error.ts';
import { counted } from '../evidence/counted.ts';
import type { SocketNumber } from '../lab/host.ts';
import { listening } from '../scenario/opening.ts';
import { type Command, commandIn } from '../scenario/started-program.ts';
import type { Turn } from '../scenario/turn.ts';
import { formatEndpoint } from '../tcp/endpoint.ts';
import type { SocketRow } from '../tcp/socket-row.ts';
import { Bench, type CheckOptions } from './bench.ts';
import { Call } from './call.ts';
import { type Channel, PlainChannel } from './channel.ts';
import { attemptsIn, endsByServer, type Sent, sentByClient } from './client-wire.ts';
import { asOption, seconds } from './describe.ts';
import { type Advice, type Finding, fault, good, type Numbers, risk, unknown } from './finding.ts';
import { isHttpRequest } from './talk/http.ts';
import type { Reply } from './talk/talk.ts';
import type { Authority } from './tls/authority.ts';
import { TlsChannel } from './tls/tls-channel.ts';
import { type Trust, trustIn } from './tls/trust.ts';

/** How a program reacted to what happened to its connections. Times are in milliseconds. */
export type Reaction =
  | { what: 'ended'; status: number; tookMs: number }
  /** It keeps running, without a socket in use. */
  | { what: 'let go'; tookMs: number }
  | { what: 'nothing'; row: SocketRow };

/** What the server does when a request is complete, on each connection. */
export type Manner = (call: Call, reply: Reply) => Promise<void>;

/** `receiveBuffer`: SO_RCVBUF, in bytes. */
interface ListenOptions {
  backlog?: number;
  receiveBuffer?: number;
  /** Default: the server's. */
  address?: string;
}

/** Responds as a healthy server does. */
export const healthy: Manner = (call, reply) => call.answer(reply);

/** A client that never tried to connect can't be tested. */
export class NeverConnected extends TcplabError {}

/** A lab whose client is the program, and whose server is tcplab. */
export class ClientBench extends Bench {
  /** The server's ends of all its connections. */
  readonly calls: Call[] = [];
  /** All requests that were complete, or their first parts. */
  readonly requests: Buffer[] = [];
  /** Of what is accepted. */
  #listener: SocketNumber | undefined;
  #manner: Manner = healthy;
  /** What the client should trust; only if the test is of TLS. */
  #authority: Authority | undefined;
  #trust: Trust | undefined;
  /** When it happened to the program, in milliseconds of the lab: reactions count from then. */
  #deedMs = 0;

  static async open(options: CheckOptions, turn: Turn): Promise<ClientBench> {
    const pass = await turn.take();
    try {
      return new ClientBench(await Bench.openLab(options), options, turn, pass);
    } catch (error) {
      pass();
      throw error;
    }
  }

  channel(socket: SocketNumber): Channel {
    const { server } = this.lab;
    if (!this.#authority) return new PlainChannel(server, socket);
    const { protocols = [] } = this.options.tls ?? {};
    return new TlsChannel(server, socket, { role: 'server', ...this.#authority, protocols });
  }

  /** Opens the server's listener. Its connections are accepted in `step`. */
  async listen(options: ListenOptions = {}): Promise<void> {
    this.#listener = await this.listenOnly(options);
  }

  /** Opens the server's listener, whose connections nobody accepts. */
  listenOnly(options: ListenOptions = {}): Promise<SocketNumber> {
    return listening(this.stage, options);
  }

  /** From now on, what the server does with each complete request. All connections are accepted and read in `step`. */
  serve(manner: Manner): void {
    this.#manner = manner;
  }

  /** Accepts, reads and responds, as far as there is something to do. */
  async step(): Promise<void> {
    await this.lab.client.observe();
    const listener = this.#listener;
    if (listener === undefined) return;
    for (;;) {
      const socket = await this.lab.server.accept(listener);
      if (socket === undefined) break;
      this.calls.push(new Call(this, socket));
    }
    for (const call of this.calls) {
      for (let reply = await call.nextReply(); reply; reply = await call.nextReply()) {
        this.requests.push(call.lastRequest);
        await this.#manner(call, reply);
      }
      if (call.isOver) await call.close();
    }
  }

  /** Starts the program, and waits until it has sent a SYN to the server. Throws TIMEOUT if it does not. */
  async start(command: Command = this.options.command): Promise<void> {
    const { lab, options } = this;
    const trust = await this.#prepareTrust();
    const words = trust ? { ca: trust.file } : {};
    const environment = { ...(options.start?.environment ?? process.env), ...trust?.environment };
    this.started(
      await lab.client.start(commandIn(lab, command, words), {
        ...options.start,
        ...(trust ? { environment } : {}),
      }),
    );
    await this.until(async () => {
      await lab.client.observe();
      return this.attempts() > 0 || this.program.status !== undefined;
    }, this.startWithinMs);
    const [first] = attemptsIn(this.sent());
    if (first) {
      this.#deedMs = first.atMs;
      return;
    }
    throw new NeverConnected(
      'TIMEOUT',
      `the client did not try to connect to the server's address and port${this.#howItEnded()}`,
    );
  }

  async #prepareTrust(): Promise<Trust | undefined> {
    const { tls } = this.options;
    if (!tls || this.#trust) return this.#trust;
    const load = createRequire(import.meta.url);
    const { makeAuthority } = load(fileURLToPath(AUTHORITY)) as typeof import('./tls/authority.ts');
    const names = [...new Set([tls.name, 'localhost', 'server'])];
    this.#authority = await makeAuthority([this.lab.server.address], names);
    this.#trust = trustIn(this.#authority.authority);
    return this.#trust;
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#trust?.[Symbol.dispose]();
    } finally {
      await super[Symbol.asyncDispose]();
    }
  }

  /**
   * Starts the program against a server that listens, and waits until `deed` has been done to one of its connections: when its
   * request was complete. Throws TIMEOUT if it never is.
   */
  async meet(deed: Manner, options: ListenOptions = {}): Promise<void> {
    let done = 0;
    this.serve(async (call, reply) => {
      // A client that has given up in the meantime is not affected by what happens to its connection.
      const isThere = await this.#holds(call);
      await deed(call, reply);
      if (isThere && done++ === 0) this.#deedMs = this.lab.nowMs();
    });
    await this.listen(options);
    await this.start();
    await this.until(async () => {
      await this.step();
      return done > 0 || this.program.status !== undefined;
    }, this.startWithinMs);
    if (done > 0) return;
    const why = [
      [this.calls, 'its connection was not established'],
      [this.requests, 'its request was not complete'],
    ] as const;
    const missing = why.find(([seen]) => seen.length === 0)?.[1];
    const what = missing ?? 'it closed its connection before the server could respond';
    throw new TcplabError('TIMEOUT', what + this.#howItEnded());
  }

  /** `; it exited with status 60: certificate has expired`, or nothing. */
  #howItEnded(): string {
    const { status } = this.program;
    if (status === undefined) return '';
    return `; it exited with status ${status}${this.lastWords === null ? '' : `: ${this.lastWords}`}`;
  }

  /** Whether its request certainly requires a response: some clients only send. */
  get needsAnswer(): boolean {
    return !['auto', 'none'].includes(this.talk.name) || this.requests.every(isHttpRequest);
  }

  /** What it sent to the server's port, so far. */
  sent(): Sent[] {
    return sentByClient(this.lab.timeline, this.lab.serverPort);
  }

  /** Whether the program has its end of a connection open. */
  async #holds({ socket }: Call): Promise<boolean> {
    const port = (await this.lab.server.remoteEndpoint(socket))?.port;
    return (await this.sockets()).some((row) => row.local.port === port && isInUse(row));
  }

  /** How often it has tried to connect. */
  attempts(): number {
    return attemptsIn(this.sent()).length;
  }

  /** Its sockets to the server, in any state. */
  async sockets(): Promise<SocketRow[]> {
    const rows = await this.lab.client.observe();
    return rows.filter(({ remote }) => remote.port === this.lab.serverPort);
  }

  /** Waits until it has exited or has closed its connections, or `orWhen` is true. Meanwhile the server goes on. */
  async reaction({ orWhen = () => false }: { orWhen?: () => boolean } = {}): Promise<Reaction> {
    let rows: SocketRow[] = [];
    const reacted = await this.until(async () => {
      await this.step();
      rows = (await this.sockets()).filter(isInUse);
      return this.program.status !== undefined || rows.length === 0 || orWhen();
    });
    const { status } = this.program;
    if (status !== undefined) return { what: 'ended', status, tookMs: this.#tookMs() };
    if (!reacted) {
      const row = rows.find(({ state }) => state === 'CLOSE-WAIT') ?? rows[0];
      return { what: 'nothing', row: row as SocketRow };
    }
    // Most programs that close exit at once; some retry.
    await this.until(
      async () => {
        await this.step();
        return this.program.status !== undefined || orWhen();
      },
      Math.min(this.withinMs, AGAIN_MS),
    );
    const last = this.program.status;
    const tookMs = this.#tookMs();
    return last === undefined ? { what: 'let go', tookMs } : { what: 'ended', status: last, tookMs };
  }

  /** From what happened to the program until it exited, or else until the last of its connections ended. */
  #tookMs(): number {
    const lastEnd = this.sent().findLast(({ segment }) => /[FR]/.test(segment.flags));
    const overMs = this.exitMs ?? lastEnd?.atMs ?? this.lab.nowMs();
    return Math.max(0, overMs - this.#deedMs);
  }

  /**
   * The usual verdict: the program should notice soon, and report it by its exit status. `onSuccess` is the verdict if the
   * status reports success. `isThere`: the server's kernel acknowledges everything, so no TCP timer ends the wait. `advice` is
   * for a program that notices nothing, `onStatus` for one that reports success.
   */
  async judge(
    reaction: Reaction,
    advice: Advice,
    { onSuccess = risk, isThere = false }: { onSuccess?: typeof risk; isThere?: boolean } = {},
  ): Promise<Finding> {
    const attempts = this.attempts();
    const tried = counted(attempts, 'attempt');
    switch (reaction.what) {
      case 'ended': {
        const { status, tookMs } = reaction;
        const says = `exited with status ${status} after ${seconds(tookMs)} (${tried})`;
        const numbers = { status, tookMs, attempts };
        if (CRASHES.has(status)) return fault('crashed', says, CRASH_ADVICE, numbers);
        if (status !== 0) return good('reported', says, numbers);
        if (!this.needsAnswer)
          return unknown('reported-success', `${says}; it may not require a response`, numbers);
        return onSuccess('reported-success', `${says}, which reports success`, STATUS_ADVICE, numbers);
      }
      case 'let go': {
        const { tookMs } = reaction;
        const numbers = { tookMs, attempts };
        const ends = endsByServer(this.lab.timeline, this.lab.serverPort);
        const again = attemptsIn(this.sent()).filter(({ atMs }) => ends.some((endMs) => endMs < atMs));
        if (again.length > 0) return good('retries', `keeps running and tries again (${tried})`, numbers);
        if (ends.length === 0) {
          const says = `closed its connection after ${seconds(tookMs)} and keeps running (${tried})`;
          return good('closed', says, numbers);
        }
        const says = `keeps running (${tried}); its kernel removed the connection, so whether the program noticed can't be seen`;
        return unknown('keeps-running', says, numbers);
      }
      case 'nothing': {
        const { row } = reaction;
        const numbers = { waitedMs: this.withinMs, attempts };
        if (row.state === 'CLOSE-WAIT') {
          const says = `still in CLOSE-WAIT ${seconds(this.withinMs)} after the server's FIN (${tried})`;
          return fault('close-wait', says, CLOSE_WAIT_ADVICE, numbers);
        }
        const still = `still in ${row.state} after ${seconds(this.withinMs)} (${tried})`;
        const why = isThere
          ? "the server's kernel acknowledges everything, so no TCP timer ends the wait"
          : await this.outlook(row, 'client', { answered: false });
        const says = `${still}; ${why}`;
        return this.stillWaiting(says, advice, numbers);
      }
    }
  }

  /** Nothing happened in time: a risk, unless the program may have a longer timeout of its own. */
  stillWaiting(says: string, advice: Advice, numbers: Numbers): Finding {
    if (this.withinMs >= PATIENCE_MS) return risk('waits', says, advice, numbers);
    const tell = `--within ${asOption(PATIENCE_MS)} would tell whether the client has a timeout of its own`;
    return unknown('still-waiting', `${says}; ${tell}`, numbers);
  }

  /** `192.168.2.11:80 in ESTABLISHED`, for connections that are left over. */
  describe(rows: readonly SocketRow[]): string {
    const all = rows.map(({ remote, state }) => `${formatEndpoint(remote)} in ${state}`);
    return [...new Set(all)]
      .map((one) => ({ one, count: all.filter((other) => other === one).length }))
      .map(({ one, count }) => (count > 1 ? `${count} to ${one}` : one))
      .join(', ');
  }
}

/** Its library is as long as a good part of tcplab, and few need it: it is a bundle of its own. */
const AUTHORITY = new URL('check/tls/authority.cjs', DIST);

/** How long to wait for the exit of a program that has closed its connection. */
const AGAIN_MS = 2000;

/** A client that has not given up after this time has no timeout that would help a user. */
export const PATIENCE_MS = 60_000;

/** For a program that reports success, though it got no response. */
export const STATUS_ADVICE: Advice = {
  why: 'The script or supervisor that called the program takes the failure for a success and goes on without the data.',
  fix: 'Exit with a status other than 0 if no complete response arrived.',
};

const CLOSE_WAIT_ADVICE: Advice = {
  why: 'Until the client closes too, the connection stays in CLOSE-WAIT, which has no timeout. Each one leaks a descriptor.',
  fix: 'Close the socket when a read returns 0 (end of file), on every path, also after errors.',
};

const CRASH_ADVICE: Advice = {
  why: 'The kernel ended the program with a signal: it had no chance to report the failure or to clean up.',
  fix: 'Handle the error that the socket reports. SIGPIPE: ignore it, or send with MSG_NOSIGNAL.',
};

/** The exit status of a program that a signal ended because of what it did: SIGILL, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGPIPE. */
const CRASHES: ReadonlySet<number> = new Set([132, 134, 135, 136, 139, 141]);

/** Whether the program uses it: orphaned sockets and TIME-WAIT are the kernel's. A half-closed one may wait for a response. */
export function isInUse({ state, inode }: SocketRow): boolean {
  return state === 'SYN-SENT' || state === 'ESTABLISHED' || state === 'CLOSE-WAIT' || inode !== 0;
}
