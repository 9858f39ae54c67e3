import { type AnswerReader, type Reply, replyOf, type Talk } from './talk.ts';

/** A GET of HTTP/1.1 (RFC 9112) on a persistent connection. `isExpected`: whether a healthy server gives that status. */
export function httpTalk(
  path: string,
  host: string,
  isExpected: (status: number) => boolean = isSuccess,
): Talk {
  const lines = [`GET ${path} HTTP/1.1`, `Host: ${host}`, 'User-Agent: tcplab', 'Accept: */*', '', ''];
  return {
    name: 'http',
    request: Buffer.from(lines.join('\r\n')),
    greeting: () => null,
    response: () => new HttpReader(isExpected),
    welcome: Buffer.alloc(0),
    responder: () => httpReply,
    interim: httpInterim,
  };
}

/** A success, or a redirection (RFC 9110, 15). */
export function isSuccess(status: number): boolean {
  return status >= 200 && status < 400;
}

/** Reads one response of HTTP/1.x (RFC 9112, 6.3): by its length, its last chunk, or the end of the connection. */
export class HttpReader implements AnswerReader {
  readonly #isExpected: (status: number) => boolean;
  #head = '';
  #status: { code: number; line: string } | undefined;
  /** Bytes of the body, or of the chunk, that are still to come; -1: until the end of the connection. */
  #left = 0;
  #part: 'head' | 'body' | 'chunk-size' | 'chunk' | 'trailer' | 'whole' = 'head';
  /** Of a chunk's size or of the trailer. */
  #line = '';
  #isHttp = true;

  constructor(isExpected: (status: number) => boolean) {
    this.#isExpected = isExpected;
  }

  get isWhole(): boolean {
    return this.#part === 'whole';
  }

  get problem(): string | null {
    if (!this.#isHttp) return 'the response is not HTTP/1.x';
    if (!this.#status || this.#isExpected(this.#status.code)) return null;
    return this.#status.line;
  }

  /** The status of the response, once its head was read. */
  get status(): number | undefined {
    return this.#status?.code;
  }

  push(data: Buffer): void {
    let rest = data;
    while (rest.length > 0 && this.#part !== 'whole') rest = this.#take(rest);
  }

  end(): void {
    if (this.#part === 'body' && this.#left < 0) this.#part = 'whole';
  }

  /** Takes the next piece, and gives what is left. */
  #take(data: Buffer): Buffer {
    switch (this.#part) {
      case 'head':
        return this.#takeHead(data);
      case 'body':
      case 'chunk':
        return this.#takeBody(data);
      default:
        return this.#takeLine(data);
    }
  }

  #takeHead(data: Buffer): Buffer {
    const before = this.#head.length;
    this.#head += data.toString('latin1');
    const end = this.#head.indexOf('\r\n\r\n');
    if (!'HTTP/1.'.startsWith(this.#head.slice(0, 7))) this.#isHttp = false;
    if (end < 0) return data.subarray(data.length);
    const head = this.#head.slice(0, end);
    this.#head = '';
    const [, code = '', reason = ''] = /^HTTP\/1\.\d (\d{3})\s*([^\r]*)/.exec(head) ?? [];
    const rest = data.subarray(end + 4 - before);
    // An interim response comes before the final one (RFC 9110, 15.2).
    if (/^1/.test(code)) return rest;
    this.#status = { code: Number(code), line: `HTTP ${code} ${reason}`.trim() };
    const length = /^content-length:\s*(\d+)/im.exec(head)?.[1];
    if (/^(204|304)/.test(code)) this.#part = 'whole';
    else if (/^transfer-encoding:.*chunked/im.test(head)) this.#part = 'chunk-size';
    else this.#expectBody(length === undefined ? -1 : Number(length));
    return rest;
  }

  #expectBody(length: number): void {
    this.#left = length;
    this.#part = length === 0 ? 'whole' : 'body';
  }

  #takeBody(data: Buffer): Buffer {
    if (this.#left < 0) return data.subarray(data.length);
    const taken = Math.min(this.#left, data.length);
    this.#left -= taken;
    if (this.#left === 0) this.#part = this.#part === 'body' ? 'whole' : 'chunk-size';
    return data.subarray(taken);
  }

  #takeLine(data: Buffer): Buffer {
    const end = data.indexOf('\n');
    this.#line += data.subarray(0, end < 0 ? data.length : end).toString('latin1');
    if (end < 0) return data.subarray(data.length);
    const line = this.#line.trim();
    this.#line = '';
    if (this.#part === 'trailer') {
      if (line === '') this.#part = 'whole';
    } else {
      const size = Number.parseInt(line, 16);
      if (size === 0) this.#part = 'trailer';
      else if (size > 0) {
        // Its data end with CRLF.
        this.#left = size + 2;
        this.#part = 'chunk';
      }
    }
    return data.subarray(end + 1);
  }
}

const BODY = 'x'.repeat(1000);

/** A head of a request that is longer than this is none: servers allow 8 to 64 KiB. */
const LONGEST_HEAD = 65_536;

/** Responds to a request of HTTP/1.x; undefined if it is none, or not complete yet. */
export function httpReply(heard: Buffer): Reply | undefined {
  const request = headOf(heard);
  if (!request) return undefined;
  const { head, end } = request;
  const used = endOfBody(head, heard, end);
  if (used > heard.length) return undefined;
  // RFC 9112, 9.3: HTTP/1.0 closes unless it asks for keep-alive, HTTP/1.1 does not unless it asks to close.
  const closes = /^[^\r]* HTTP\/1\.0/.test(head)
    ? !/^connection:.*keep-alive/im.test(head)
    : /^connection:.*close/im.test(head);
  const isHead = head.startsWith('HEAD ');
  const answer = [
    'HTTP/1.1 200 OK',
    'Content-Type: text/plain',
    `Content-Length: ${BODY.length}`,
    `Connection: ${closes ? 'close' : 'keep-alive'}`,
    '',
    isHead ? '' : BODY,
  ].join('\r\n');
  return { ...replyOf(used, Buffer.from(answer), closes), cut: answer.length - (isHead ? 4 : 500) };
}

/** A client that expects it sends the body after it only (RFC 9110, 10.1.1). */
export function httpInterim(heard: Buffer): Buffer | undefined {
  const expects = /^expect:\s*100-continue/im.test(headOf(heard)?.head ?? '');
  return expects ? Buffer.from('HTTP/1.1 100 Continue\r\n\r\n') : undefined;
}

/** Whether it begins as a request of HTTP/1.x does. */
export function isHttpRequest(heard: Buffer): boolean {
  return /^[A-Z]+ \S+ HTTP\/1\.\d\r\n/.test(heard.toString('latin1', 0, LONGEST_HEAD));
}

/** The head of a request that is complete, and where it ends. Reads no further: a body may have many megabytes. */
function headOf(heard: Buffer): { head: string; end: number } | undefined {
  const end = heard.indexOf('\r\n\r\n');
  if (end < 0 || end > LONGEST_HEAD || !isHttpRequest(heard)) return undefined;
  return { head: heard.toString('latin1', 0, end), end: end + 4 };
}

/** Where the body of a request ends that begins at `start`; infinite if it can't be told yet. */
function endOfBody(head: string, heard: Buffer, start: number): number {
  if (!/^transfer-encoding:.*chunked/im.test(head))
    return start + Number(/^content-length:\s*(\d+)/im.exec(head)?.[1] ?? 0);
  for (let at = start; ; ) {
    const line = heard.indexOf('\r\n', at);
    if (line < 0) return Number.POSITIVE_INFINITY;
    const size = Number.parseInt(heard.toString('latin1', at, line), 16);
    // The last chunk has no data; trailer fields may follow it, and an empty line ends it.
    if (!(size > 0)) {
      const end = heard.indexOf('\r\n\r\n', line);
      return end < 0 ? Number.POSITIVE_INFINITY : end + 4;
    }
    at = line + 2 + size + 2;
    if (at >= heard.length) return Number.POSITIVE_INFINITY;
  }
}

/** Whether a request has the same method and path as another one; if it is not HTTP, the same bytes. */
export function isLike(next: Buffer, lost: Buffer): boolean {
  if (!isHttpRequest(lost)) return next.equals(lost);
  // A new attempt may have another query, as for a nonce.
  const target = (request: Buffer) =>
    request.toString('latin1', 0, request.indexOf('\r\n')).split(/[ ?]/, 2).join(' ');
  return isHttpRequest(next) && target(next) === target(lost);
}
