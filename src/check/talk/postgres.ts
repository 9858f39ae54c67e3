import { type AnswerReader, joined, messageReader, type Reply, replyOf, type Talk } from './talk.ts';

const PROTOCOL = 196_608;
const SSL_REQUEST = 80_877_103;
const GSS_REQUEST = 80_877_104;
const CANCEL_REQUEST = 80_877_102;

/** The error of a server that is starting: it listens before that. */
const CANNOT_CONNECT_NOW = '(57P03)';

function int(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function message(type: string, ...parts: (Buffer | string)[]): Buffer {
  const body = joined(...parts);
  return Buffer.concat([Buffer.from(type), int(body.length + 4), body]);
}

function startup(parameters: Record<string, string>): Buffer {
  const words = Object.entries(parameters).flat();
  return message('', int(PROTOCOL), `${words.join('\0')}\0\0`);
}

/** The first message: an authentication request, or an error. */
function firstMessage(): AnswerReader {
  return messageReader(isWhole, (seen) => {
    const type = String.fromCharCode(seen[0] ?? 0);
    if (!'RE'.includes(type)) return "the response is not PostgreSQL's";
    if (!isWhole(seen) || type === 'R') return null;
    const fields = seen.subarray(5).toString('utf8').split('\0');
    const field = (letter: string) => fields.find((text) => text.startsWith(letter))?.slice(1) ?? '';
    // A healthy server refuses a login; one without resources gives an error of class 53 or 57.
    return /^5[37]/.test(field('C')) ? `${field('S')}: ${field('M')} (${field('C')})` : null;
  });
}

function isWhole(seen: Buffer): boolean {
  return seen.length >= 5 && seen.length >= 1 + seen.readUInt32BE(1);
}

const READY = message('Z', 'I');
const parameter = (name: string, value: string) => message('S', `${name}\0${value}\0`);
const LOGIN = Buffer.concat([
  message('R', int(0)),
  parameter('server_version', '15.0'),
  parameter('client_encoding', 'UTF8'),
  parameter('server_encoding', 'UTF8'),
  parameter('standard_conforming_strings', 'on'),
  parameter('DateStyle', 'ISO, MDY'),
  parameter('TimeZone', 'UTC'),
  message('K', int(1), int(1)),
  READY,
]);

/** One row with one column of text. */
const ROW = Buffer.concat([
  message(
    'T',
    Buffer.of(0, 1),
    'value\0',
    int(0),
    Buffer.of(0, 0),
    int(25),
    Buffer.of(0xff, 0xff),
    int(0xffffffff),
    Buffer.of(0, 0),
  ),
  message('D', Buffer.of(0, 1), int(1000), 'x'.repeat(1000)),
  message('C', 'SELECT 1\0'),
]);
const OK = message('C', 'SET\0');

function respond(heard: Buffer): Reply | undefined {
  if (heard.length < 5) return undefined;
  if (heard[0] === 0) return respondToStartup(heard);
  // With a type: up to the end of the simple query, or to the Sync of the extended one.
  const answers: Buffer[] = [];
  let at = 0;
  while (heard.length >= at + 5) {
    const type = String.fromCharCode(heard[at] ?? 0);
    const end = at + 1 + heard.readUInt32BE(at + 1);
    if (end > heard.length) return undefined;
    const text = heard.subarray(at + 5, end).toString('utf8');
    at = end;
    if (type === 'X') return replyOf(at, Buffer.alloc(0), true);
    if (type === 'Q')
      return replyOf(at, Buffer.concat([/^\s*(select|show|table|values)/i.test(text) ? ROW : OK, READY]));
    if (type === 'P') answers.push(message('1'));
    if (type === 'B') answers.push(message('2'));
    if (type === 'E') answers.push(ROW);
    if (type === 'S') return replyOf(at, Buffer.concat([...answers, READY]));
  }
  return undefined;
}

function respondToStartup(heard: Buffer): Reply | undefined {
  const length = heard.readUInt32BE(0);
  if (heard.length < length || length < 8) return undefined;
  switch (heard.readUInt32BE(4)) {
    // No TLS in here: the client goes on without, or gives up.
    case SSL_REQUEST:
    case GSS_REQUEST:
      return replyOf(length, Buffer.from('N'));
    case CANCEL_REQUEST:
      return replyOf(length, Buffer.alloc(0), true);
    case PROTOCOL:
      return { ...replyOf(length, LOGIN), cut: 4 };
    default:
      return replyOf(length, message('E', 'SFATAL\0C0A000\0Munsupported protocol\0\0'), true);
  }
}

/** PostgreSQL's protocol 3.0 (https://www.postgresql.org/docs/current/protocol-message-formats.html). */
export const POSTGRES: Talk = {
  name: 'postgres',
  request: startup({ user: 'postgres', database: 'postgres' }),
  greeting: () => null,
  response: firstMessage,
  isStarting: (problem) => problem.endsWith(CANNOT_CONNECT_NOW),
  welcome: Buffer.alloc(0),
  responder: () => respond,
};
