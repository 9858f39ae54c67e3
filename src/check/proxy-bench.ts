import { TcplabError } from '../error.ts';
import { endOf } from '../evidence/connection.ts';
import { rowOf } from '../evidence/witness/socket-table.ts';
import { descendantsOf, memoryOf } from '../kernel/process.ts';
import type { SocketNumber } from '../lab/host.ts';
import type { Lab } from '../lab/lab.ts';
import { Middle } from '../lab/middle.ts';
import type { Sysctls } from '../lab/settings.ts';
import { listening } from '../scenario/opening.ts';
import { stageOf } from '../scenario/reach.ts';
import { commandIn, startListening } from '../scenario/started-program.ts';
import type { Turn } from '../scenario/turn.ts';
import type { SocketRow } from '../tcp/socket-row.ts';
import { Bench, type CheckOptions } from './bench.ts';
import { type Channel, PlainChannel } from './channel.ts';
import { seconds } from './describe.ts';
import type { Finding, LeftSocket, PassedAs, RelayEnd } from './finding.ts';
import type { By, Probe } from './probe.ts';
import { End } from './proxy/end.ts';
import { connected, leftAt, PLACES } from './proxy/left.ts';
import { Passings } from './proxy/passings.ts';
import { type Answer, stepsOf, type WayName } from './proxy/way.ts';

export interface ProxyOptions extends CheckOptions {
  /** How a client has it connect to the server. */
  way: WayName;
  /** The port of the server, which tcplab plays. */
  serverPort: number;
}

/** A test of a relay. */
export interface ProxyProbe extends Probe<ProxyBench> {
  by: By;
  /** Sysctls of the relay's host, set before it starts. */
  sysctls?: Sysctls;
  /** `there` by default. `absent`: nothing listens. `dark`: its network drops what comes. */
  server?: 'there' | 'absent' | 'dark';
}

/** The two ends of one connection through a relay: where something happens, and where it should show. */
export interface Ends {
  client: End;
  server: End;
}

/** A client whose connection came about, and the proxy's answer to it; null where a relay needs no request. */
export interface Dialled {
  client: End;
  answer: Answer | null;
}

/** The test can't begin: no connection came about. */
export class NotRelayed extends TcplabError {}

/** The witnesses match a lab's events by its first ports. The ports of many clients are above them. */
const CROWD_FIRST_PORT = 50_000;

/** What a client says first, so that a relay connects which waits for something to pass on. */
export const HELLO: Buffer = Buffer.from('hi\n');

/** A relay between a client and a server that tcplab plays. `lab` is the side of its client, `back` that of its server. */
export class ProxyBench extends Bench {
  override readonly back: Lab;
  readonly passings: Passings;
  readonly way: WayName;
  readonly #middle: Middle;
  readonly #accepted: End[] = [];
  /** Those that belong to a client of an earlier step. */
  readonly #used = new Set<End>();
  #listener: SocketNumber | undefined;
  #clients = 0;

  private constructor(middle: Middle, options: ProxyOptions, turn: Turn, pass: () => void) {
    super(middle.front, options, turn, pass);
    this.#middle = middle;
    this.back = middle.back;
    this.way = options.way;
    this.passings = new Passings({ front: this.lab, back: this.back });
  }

  static async open(options: ProxyOptions, { sysctls }: ProxyProbe, turn: Turn): Promise<ProxyBench> {
    const pass = await turn.take();
    try {
      const { family, firewall = 'nft', port, serverPort } = options;
      const middle = await Middle.open({ family, firewall, port, serverPort, ...(sysctls && { sysctls }) });
      return new ProxyBench(middle, options, turn, pass);
    } catch (error) {
      pass();
      throw error;
    }
  }

  channel(socket: SocketNumber): Channel {
    return new PlainChannel(this.lab.client, socket);
  }

  /** Starts the relay, with the server in the state that the test needs. Throws TIMEOUT if it does not listen in time. */
  async start({ server = 'there' }: ProxyProbe): Promise<void> {
    const { lab, back, startWithinMs } = this;
    if (server === 'there') this.#listener = await listening(stageOf(back), { backlog: 1024 });
    if (server === 'dark')
      await back.server.setRule({ hook: 'in', destinationPort: back.serverPort, fate: 'drop' });
    const { address, port } = back.serverEndpoint();
    const command = commandIn(lab, this.options.command, {
      server: address,
      server_port: String(port),
      name: address,
    });
    const { waitFor } = stageOf(lab, { withinMs: startWithinMs });
    this.started(
      await this.letOthers(() => startListening(lab, lab.server, command, waitFor, this.options.start)),
    );
  }

  /** Brings both timelines up to now, and accepts what the relay has opened. */
  async look(): Promise<void> {
    await this.lab.observe();
    await this.back.observe();
    const listener = this.#listener;
    if (listener === undefined) return;
    for (;;) {
      const socket = await this.back.server.accept(listener);
      if (socket === undefined) return;
      const client = await this.back.server.remoteEndpoint(socket);
      if (!client) continue;
      this.#accepted.push(
        new End(this.back, 'server', socket, { client, server: this.back.serverEndpoint() }),
      );
    }
  }

  /** The server's ends of all that the relay has opened so far. */
  get accepted(): readonly End[] {
    return this.#accepted;
  }

  /** Connects to the relay, and asks it to connect if it must be asked. Gives undefined if it does not accept or answer in time. */
  async dial(withinMs: number = this.withinMs): Promise<Dialled | undefined> {
    const client = await this.connect();
    let answer: Answer | null = null;
    const reached = await this.until(async () => {
      await this.look();
      return client.ended !== 'open' || (await this.#isEstablished(client));
    }, withinMs);
    if (!reached) return undefined;
    let read = 0;
    for (const { request, read: readAnswer } of stepsOf(this.way, this.back.serverEndpoint())) {
      await client.send(request);
      const given = await this.until(async () => {
        await this.look();
        await client.read();
        return readAnswer(client.heard.subarray(read)) ?? (client.ended === 'open' ? undefined : 'ended');
      }, withinMs);
      if (given === undefined) return undefined;
      if (given.value === 'ended') return { client, answer };
      answer = given.value;
      read += answer.used;
      if (!answer.isGranted) break;
    }
    return { client, answer };
  }

  /** Starts to connect to the relay, and does not wait. */
  async connect(): Promise<End> {
    const { lab } = this;
    const isFew = this.#clients < 10;
    const client = isFew
      ? lab.nextClientEndpoint()
      : { address: lab.client.address, port: CROWD_FIRST_PORT + this.#clients };
    this.#clients++;
    const connection = { client, server: lab.serverEndpoint() };
    const socket = await lab.client.openSocket();
    await lab.client.bind(socket, client);
    await lab.client.connect(socket, connection.server);
    return new End(lab, 'client', socket, connection);
  }

  async #isEstablished(client: End): Promise<boolean> {
    const row = await this.rowAt(client);
    if (row) return row.state !== 'SYN-SENT';
    await client.read();
    return client.ended !== 'open';
  }

  /** A connection from end to end: the server has read what the client said. Throws `NotRelayed` if there is none. */
  async through(): Promise<Ends> {
    const dialled = await this.dial();
    if (!dialled) throw notRelayed(`the relay gave no answer within ${seconds(this.withinMs)}`);
    const { client, answer } = dialled;
    if (answer && !answer.isGranted) throw notRelayed(`the proxy refused the request (${answer.status})`);
    await client.send(HELLO);
    const found = await this.until(async () => {
      await this.look();
      for (const one of this.#accepted) {
        await one.read();
        if (this.#used.has(one)) continue;
        if (one.received >= HELLO.length && one.heard.subarray(0, HELLO.length).equals(HELLO)) return one;
      }
      await client.read();
      return client.ended === 'open' ? undefined : 'ended';
    });
    if (found === undefined)
      throw notRelayed(`what the client sent did not reach the server within ${seconds(this.withinMs)}`);
    if (found.value === 'ended')
      throw notRelayed(`the relay ended the client's connection by ${client.ended}`);
    this.#used.add(found.value);
    return { client, server: found.value };
  }

  /**
   * Waits until the relay has sent a FIN or an RST to this end since then; gives the first of the two. What arrives is read in
   * the meantime.
   */
  async told(end: End, sinceMs: number, withinMs: number = this.withinMs): Promise<Told | undefined> {
    const told = await this.until(
      async () => {
        await this.look();
        await end.read();
        return this.toldSoFar(end, sinceMs);
      },
      Math.max(0, withinMs - (this.lab.nowMs() - sinceMs)),
    );
    return told?.value;
  }

  /** The same, of what has been seen so far. */
  toldSoFar(end: End, sinceMs: number): Told | undefined {
    const { port } = end.connection.client;
    const [leg, ports] =
      end.name === 'client' ? ['front' as const, { port }] : ['back' as const, { relayPort: port }];
    const [fin, rst] = (['FIN', 'RST'] as const).map((what) =>
      this.passings.first({ leg, what, isFromRelay: true, ...ports }, sinceMs),
    );
    const first = !rst || (fin && fin.atMs <= rst.atMs) ? fin : rst;
    return first && { as: first.what as 'FIN' | 'RST', atMs: first.atMs };
  }

  /** When this end's last FIN or RST left, in milliseconds of both labs; now if the packets do not show it. */
  async leftMs(end: End, what: 'FIN' | 'RST', sinceMs: number): Promise<number> {
    await this.look();
    const leg = end.name === 'client' ? 'front' : 'back';
    return this.passings.first({ leg, what, isFromRelay: false }, sinceMs)?.atMs ?? sinceMs;
  }

  /** Lets time pass, and keeps looking. */
  async pauseUntil(atMs: number): Promise<void> {
    const left = atMs - this.lab.nowMs();
    if (left <= 0) return;
    await this.until(async () => {
      await this.look();
      return this.lab.nowMs() >= atMs;
    }, left + 1000);
  }

  /** The socket of one of tcplab's ends. */
  async rowAt({ lab, name, connection }: End): Promise<SocketRow | undefined> {
    return rowOf(await lab.host(name).observe(), endOf(connection, name, 'CLOSED'));
  }

  /** The relay's socket at the other end of that. */
  async relayRow({ lab, name, connection }: End): Promise<SocketRow | undefined> {
    const host = name === 'client' ? 'server' : 'client';
    return rowOf(await lab.host(host).observe(), endOf(connection, host, 'CLOSED'));
  }

  /** All connections of the relay at one of its sides. */
  async relayRows(end: 'relayClientSide' | 'relayServerSide'): Promise<SocketRow[]> {
    const [leg, host] = PLACES[end];
    return connected(await (leg === 'front' ? this.lab : this.back).host(host).observe());
  }

  /** Two seconds after that, or now if it is later. */
  async left(deedMs: number): Promise<Record<RelayEnd, LeftSocket[]>> {
    await this.pauseUntil(deedMs + LEFT_AFTER_MS);
    await this.look();
    return leftAt({ front: this.lab, back: this.back }, (row, host, lab) =>
      this.forecast(row, host, {}, lab),
    );
  }

  /** Memory of the relay's processes, in bytes. */
  get memory(): number {
    return memoryOf([this.program.pid, ...descendantsOf([this.program.pid])]);
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#middle[Symbol.asyncDispose]();
    } finally {
      await super[Symbol.asyncDispose]();
    }
  }
}

/** When tcplab looks at what is left. */
const LEFT_AFTER_MS = 2000;

export interface Told {
  as: 'FIN' | 'RST';
  atMs: number;
}

/** The ends in the order of a test: where it happens, and the other one. */
export function ordered({ client, server }: Ends, by: By): { doer: End; other: End } {
  return by === 'server' ? { doer: server, other: client } : { doer: client, other: server };
}

/** The finding, with what was passed on. */
export function passed(
  finding: Finding,
  passedAs: PassedAs | null,
  afterMs: number | null,
  leftAt2s: Record<RelayEnd, LeftSocket[]> | null,
): Finding {
  return { ...finding, passage: { passedAs, afterMs, leftAt2s } };
}

function notRelayed(why: string): NotRelayed {
  return new NotRelayed('TIMEOUT', why);
}
