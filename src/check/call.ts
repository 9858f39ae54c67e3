import { SystemError } from '../error.ts';
import type { SocketNumber } from '../lab/host.ts';
import type { Bench } from './bench.ts';
import type { Channel } from './channel.ts';
import type { Reply, Responder } from './talk/talk.ts';

/** How much of what a program says is shown, in bytes. */
const SAID_KEPT = 300;

/** How much of a request is kept, in bytes: enough to know it again. */
const REQUEST_KEPT = 16_384;

/** Some programs say nothing before the server does. */
const SILENT_MS = 500;

/** The server's end of one connection of the program. */
export class Call {
  readonly socket: SocketNumber;
  readonly #bench: Bench;
  readonly #channel: Channel;
  /** When it was accepted, in milliseconds of the lab. */
  readonly acceptedMs: number;
  readonly #respond: Responder;
  readonly #heard = new Heard();
  #unsent: Buffer;
  #isOpen = true;
  /** Whether the server has sent its interim response to the request that has begun. */
  #hasUrged = false;
  /** How many requests were complete. */
  requests = 0;
  /** The last of them, or its first part. */
  lastRequest: Buffer = Buffer.alloc(0);
  /** When the last response was sent, in milliseconds of the lab; undefined if none was. */
  answeredMs: number | undefined;
  /** What the client sent, in bytes. */
  received = 0;
  /** Whether the client's FIN or RST was read. */
  hasLeft = false;
  #answers = 0;

  constructor(bench: Bench, socket: SocketNumber) {
    this.#bench = bench;
    this.socket = socket;
    this.#channel = bench.channel(socket);
    this.acceptedMs = bench.lab.nowMs();
    this.#unsent = bench.talk.welcome;
    this.#respond = bench.talk.responder();
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Whether the client has left and the server has nothing more to say. A client may close its half and wait. */
  get isOver(): boolean {
    return this.hasLeft && this.#answers === this.requests && this.#unsent.length === 0;
  }

  /** Reads, and gives the response to a request that is complete now. A client that stays silent gets one as well. */
  async nextReply(): Promise<Reply | undefined> {
    if (!this.#isOpen) return undefined;
    await this.#flush();
    await this.#read();
    const { talk } = this.#bench;
    const heard = this.#heard.bytes;
    const reply = this.#respond(heard) ?? this.#replyToSilence();
    if (reply) {
      this.lastRequest = Buffer.from(heard.subarray(0, Math.min(reply.used, REQUEST_KEPT)));
      this.#heard.take(reply.used);
      this.#hasUrged = false;
      this.requests++;
      return reply;
    }
    const urge = this.#hasUrged ? undefined : talk.interim?.(heard);
    if (urge) {
      this.#hasUrged = true;
      await this.send(urge);
    }
    return undefined;
  }

  /** Only if no connection has said anything: a client may open one in advance. */
  #replyToSilence(): Reply | undefined {
    const { talk, said, lab } = this.#bench;
    if (said.length > 0 || this.requests > 0 || this.hasLeft || talk.welcome.length > 0) return undefined;
    if (lab.nowMs() - this.acceptedMs < SILENT_MS) return undefined;
    const reply = this.#respond(SOMETHING);
    return reply && { ...reply, used: 0 };
  }

  async #read(): Promise<void> {
    await this.#orLeft(async () => {
      for (let data = await this.#channel.receive(); data; data = await this.#channel.receive()) {
        if (data.length === 0) {
          this.hasLeft = true;
          return;
        }
        if (this.received < SAID_KEPT)
          this.#bench.said.push(Buffer.from(data.subarray(0, SAID_KEPT - this.received)));
        this.received += data.length;
        this.#heard.add(data);
      }
    });
  }

  /** Sends bytes; what the kernel does not take now is sent with the next reading. */
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
    this.#answers++;
    this.answeredMs = this.#bench.lab.nowMs();
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

/** Bytes that were received and not used yet. It grows by doubling: each byte is copied a few times only. */
class Heard {
  #memory: Buffer = Buffer.alloc(0);
  #length = 0;

  get bytes(): Buffer {
    return this.#memory.subarray(0, this.#length);
  }

  add(data: Uint8Array): void {
    const length = this.#length + data.length;
    if (length > this.#memory.length) {
      const larger = Buffer.alloc(2 * length);
      larger.set(this.bytes);
      this.#memory = larger;
    }
    this.#memory.set(data, this.#length);
    this.#length = length;
  }

  /** The first ones are used. */
  take(count: number): void {
    this.#memory.copyWithin(0, count, this.#length);
    this.#length -= count;
  }
}
