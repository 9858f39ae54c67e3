import { SystemError } from '../error.ts';
import type { SocketNumber } from '../lab/host.ts';
import type { Bench } from './bench.ts';
import type { Channel } from './channel.ts';
import type { Reply, Responder } from './talk/talk.ts';

/** How much of what a program says is shown, in octets. */
const SAID_KEPT = 300;

/** Some programs say nothing before the server does. */
const SILENT_MS = 500;

/** The server's end of one connection of the program. */
export class Call {
  readonly socket: SocketNumber;
  readonly #bench: Bench;
  readonly #channel: Channel;
  readonly #acceptedMs: number;
  readonly #respond: Responder;
  #heard: Buffer = Buffer.alloc(0);
  #unsent: Buffer;
  #isOpen = true;
  /** How many requests were complete. */
  requests = 0;
  /** What the client sent, in octets. */
  received = 0;
  /** Whether the client's FIN or RST was read. */
  hasLeft = false;

  constructor(bench: Bench, socket: SocketNumber) {
    this.#bench = bench;
    this.socket = socket;
    this.#channel = bench.channel(socket);
    this.#acceptedMs = bench.lab.nowMs();
    this.#unsent = bench.talk.welcome;
    this.#respond = bench.talk.responder();
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Reads, and gives the response to a request that is complete now. A client that stays silent gets one as well. */
  async nextReply(): Promise<Reply | undefined> {
    if (!this.#isOpen) return undefined;
    await this.#flush();
    await this.#read();
    const reply = this.#respond(this.#heard);
    const isSilent =
      this.received === 0 &&
      this.requests === 0 &&
      !this.hasLeft &&
      this.#bench.talk.welcome.length === 0 &&
      this.#bench.lab.nowMs() - this.#acceptedMs > SILENT_MS;
    const silent = isSilent ? this.#respond(SOMETHING) : undefined;
    const next = reply ?? (silent && { ...silent, used: 0 });
    if (!next) return undefined;
    this.#heard = this.#heard.subarray(next.used);
    this.requests++;
    return next;
  }

  async #read(): Promise<void> {
    const pieces = [this.#heard];
    await this.#orLeft(async () => {
      for (let data = await this.#channel.receive(); data; data = await this.#channel.receive()) {
        if (data.length === 0) {
          this.hasLeft = true;
          return;
        }
        if (this.received < SAID_KEPT)
          this.#bench.said.push(Buffer.from(data.subarray(0, SAID_KEPT - this.received)));
        this.received += data.length;
        pieces.push(Buffer.from(data));
      }
    });
    if (pieces.length > 1) this.#heard = Buffer.concat(pieces);
  }

  /** Sends octets; what the kernel does not take now is sent with the next reading. */
  async send(data: Buffer): Promise<void> {
    this.#unsent = Buffer.concat([this.#unsent, data]);
    await this.#flush();
  }

  async #flush(): Promise<void> {
    if (this.#unsent.length === 0 || !(await this.#channel.isReady())) return;
    await this.#orLeft(async () => {
      this.#unsent = this.#unsent.subarray(await this.#channel.send(this.#unsent));
    });
  }

  async #orLeft(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      this.hasLeft = true;
    }
  }

  /** Sends a response, and closes if the request asked for that. */
  async answer({ answer, closes }: Reply): Promise<void> {
    await this.send(answer);
    if (closes) await this.close();
  }

  /** Sends the first part of a response. */
  answerPart({ answer, cut }: Reply): Promise<void> {
    return this.send(answer.subarray(0, cut));
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.#channel.end();
    await this.#bench.lab.server.close(this.socket);
  }

  /** Sends a FIN, and in TLS no close_notify before it: as if the connection had been cut. */
  async closeAbruptly(): Promise<void> {
    this.#isOpen = false;
    await this.#bench.lab.server.close(this.socket);
  }

  async abort(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.#bench.lab.server.abort(this.socket);
  }
}

const SOMETHING = Buffer.from('\n');
