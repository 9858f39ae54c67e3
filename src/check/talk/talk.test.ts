import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HttpReader, httpReply, isSuccess } from './http.ts';
import { READY_TALKS } from './ready.ts';
import { SMTP } from './smtp.ts';
import { type AnswerReader, textReader } from './talk.ts';

function read(reader: AnswerReader, ...pieces: (Buffer | string)[]): AnswerReader {
  for (const piece of pieces) reader.push(Buffer.from(piece));
  return reader;
}

describe.each(Object.entries(READY_TALKS).filter(([name]) => !['none', 'ssh'].includes(name)))(
  '%s',
  (_, talk) => {
    const greeting = talk.greeting();
    const reply = talk.responder()(talk.request);

    it('responds to its own request, and understands that', () => {
      expect(reply?.used).toBe(talk.request.length);
      const reader = read(talk.response(), reply?.answer ?? '');
      expect({ isWhole: reader.isWhole, problem: reader.problem }).toEqual({ isWhole: true, problem: null });
      if (greeting) expect(read(greeting, talk.welcome).isWhole).toBe(true);
      else expect(talk.welcome).toHaveLength(0);
    });

    it('takes no request for complete that is not, and no response that is cut', () => {
      for (let length = 0; length < talk.request.length; length++)
        expect(talk.responder()(talk.request.subarray(0, length))).toBeUndefined();
      expect(read(talk.response(), reply?.answer.subarray(0, reply.cut) ?? '').isWhole).toBe(false);
    });
  },
);

describe('an HTTP response', () => {
  const head = (status: string, ...fields: string[]) =>
    `HTTP/1.1 ${status}\r\n${fields.map((field) => `${field}\r\n`).join('')}\r\n`;

  it.each([
    ['by its length', `${head('200 OK', 'Content-Length: 5')}hello`],
    [
      'in chunks',
      `${head('200 OK', 'Transfer-Encoding: chunked')}5\r\nhello\r\n6;a=b\r\n world\r\n0\r\nA: b\r\n\r\n`,
    ],
    ['after an interim one', `${head('103 Early Hints', 'Link: a')}${head('204 No Content')}`],
    ['without a body', head('304 Not Modified', 'Content-Length: 5')],
  ])('is complete %s, wherever it is cut in transit, and not before', (_, text) => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: text.length - 1 }), { maxLength: 5 }), (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), text.length];
        const pieces = at.slice(1).map((end, index) => text.slice(at[index], end));
        const reader = new HttpReader(isSuccess);
        const last = pieces.pop() ?? '';
        expect(read(reader, ...pieces, last.slice(0, -1)).isWhole).toBe(false);
        expect(read(reader, last.slice(-1)).isWhole).toBe(true);
      }),
    );
  });

  it('without a length is complete at the end of the connection', () => {
    const reader = read(new HttpReader(isSuccess), head('200 OK'), 'hello');
    expect(reader.isWhole).toBe(false);
    reader.end();
    expect(reader.isWhole).toBe(true);
  });

  it.each([
    [head('404 Not Found', 'Content-Length: 0'), 'HTTP 404 Not Found'],
    [head('500 Internal Server Error', 'Content-Length: 0'), 'HTTP 500 Internal Server Error'],
    [head('301 Moved', 'Content-Length: 0'), null],
    ['SSH-2.0-OpenSSH\r\n', 'the response is not HTTP/1.x'],
  ])('%j has the problem %j', (text, problem) => {
    expect(read(new HttpReader(isSuccess), text).problem).toBe(problem);
  });
});

describe('an HTTP request', () => {
  it.each([
    ['GET / HTTP/1.0\r\n\r\n', true],
    ['GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n', false],
    ['GET / HTTP/1.1\r\nHost: a\r\n\r\n', false],
    ['GET / HTTP/1.1\r\nConnection: close\r\n\r\n', true],
  ])('%j closes the connection: %s', (text, closes) => {
    expect(httpReply(Buffer.from(text))?.closes).toBe(closes);
  });

  it('is complete with its body', () => {
    const post = 'POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhel';
    expect(httpReply(Buffer.from(post))).toBeUndefined();
    expect(httpReply(Buffer.from(`${post}loGET`))?.used).toBe(post.length + 2);
  });
});

it('a text is found across pieces', () => {
  expect(read(textReader(Buffer.from('PONG')), '+PO', 'NG').isWhole).toBe(true);
  expect(read(textReader(Buffer.from('PONG')), '+PO').isWhole).toBe(false);
});

it('SMTP takes a message up to its dot', () => {
  const respond = SMTP.responder();
  const say = (text: string) => respond(Buffer.from(text))?.answer.toString();
  expect(say('DATA\r\n')).toMatch(/^354 /);
  expect(say('QUIT\r\n')).toBeUndefined();
  expect(say('QUIT\r\n.\r\n')).toMatch(/^250 /);
  expect(say('QUIT\r\n')).toMatch(/^221 /);
});
