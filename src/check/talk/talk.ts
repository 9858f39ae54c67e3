/**
 * What tcplab and a program say to each other. In a test of a server, tcplab waits for the greeting, sends the request and
 * reads the response; in a test of a client, it greets and responds.
 */
export interface Talk {
  /** The word of `--talk`. */
  readonly name: string;
  /** Bytes that tcplab sends as the client; empty if it sends nothing. */
  readonly request: Buffer;
  /** Reads a server's greeting; null if the client speaks first. */
  greeting(): AnswerReader | null;
  /** Reads a server's response to the request. */
  response(): AnswerReader;
  /** Whether a problem says that the server listens, and is not ready yet. */
  isStarting?(problem: string): boolean;
  /** What tcplab says first as the server; empty if the client speaks first. */
  readonly welcome: Buffer;
  /** What tcplab responds as the server: one for each connection. */
  responder(): Responder;
  /** What it says once to a client that waits in the middle of its request. */
  interim?(heard: Buffer): Buffer | undefined;
}

/** What the server responds to what a client has sent; undefined until a request is complete. */
export type Responder = (heard: Buffer) => Reply | undefined;

/** Reads what a server says, piece by piece, each byte once. */
export interface AnswerReader {
  push(data: Buffer): void;
  /** The server has sent its FIN, or in TLS its close_notify. */
  end(): void;
  readonly isWhole: boolean;
  /** Why the response, though complete, is none that a healthy server gives: `HTTP 404 Not Found`. */
  readonly problem: string | null;
}

export interface Reply {
  /** How many of the bytes heard the request had. */
  used: number;
  answer: Buffer;
  /** A part of the answer, in bytes, that is not complete, and that no client can take for complete. */
  cut: number;
  /** Whether the server closes after it. */
  closes: boolean;
}

/** Any bytes, or those that contain a text. */
export function textReader(expected: Buffer = Buffer.alloc(0)): AnswerReader {
  let tail: Buffer = Buffer.alloc(0);
  let isWhole = false;
  return {
    push(data) {
      if (isWhole || data.length === 0) return;
      const seen = Buffer.concat([tail, data]);
      isWhole = seen.includes(expected);
      tail = seen.subarray(-Math.max(expected.length, 1));
    },
    end() {},
    get isWhole() {
      return isWhole;
    },
    problem: null,
  };
}

/** No first message of a protocol is longer, in bytes. */
const MOST_READ = 65_536;

/** Reads a first message: up to where `isWhole`. `problemOf` gets what has come so far, also before that. */
export function messageReader(
  isWhole: (seen: Buffer) => boolean,
  problemOf: (seen: Buffer) => string | null,
): AnswerReader {
  let seen: Buffer = Buffer.alloc(0);
  return {
    push(data) {
      if (!isWhole(seen) && seen.length < MOST_READ) seen = Buffer.concat([seen, data]);
    },
    end() {},
    get isWhole() {
      return isWhole(seen);
    },
    get problem() {
      return problemOf(seen);
    },
  };
}

/** Bytes and texts, one after the other. */
export function joined(...parts: (Buffer | string)[]): Buffer {
  return Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
}

export interface TextTalk {
  greeting?: Buffer | undefined;
  request?: Buffer | undefined;
  expect?: Buffer | undefined;
  answer?: Buffer | undefined;
}

const NOTHING = Buffer.alloc(0);

/** Bytes that the user names. A request without an expected text is answered by any bytes. */
export function textTalk({ greeting, request = NOTHING, expect, answer }: TextTalk): Talk {
  return {
    name: 'text',
    request,
    greeting: () => (greeting ? textReader(greeting) : null),
    response: () => textReader(expect),
    welcome: greeting ?? NOTHING,
    responder: () => (heard) => (heard.length === 0 ? undefined : replyOf(heard.length, answer ?? LINE)),
  };
}

/** An answer that is cut in its middle. */
export function replyOf(used: number, answer: Buffer, closes = false): Reply {
  return { used, answer, cut: Math.floor(answer.length / 2), closes };
}

/** The answer to a protocol that tcplab does not know. */
export const LINE: Buffer = Buffer.from(`${'x'.repeat(1000)}\n`);
