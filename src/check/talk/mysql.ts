import { type AnswerReader, joined, messageReader, type Reply, replyOf, type Talk } from './talk.ts';

const PLUGIN = 'mysql_native_password\0';

/** CLIENT_LONG_PASSWORD, LONG_FLAG, CONNECT_WITH_DB, PROTOCOL_41, TRANSACTIONS, SECURE_CONNECTION, PLUGIN_AUTH. */
const CAPABILITIES = 0x0008_a20d;
const CONNECT_WITH_DB = 8;
const UTF8 = 33;

function packet(sequence: number, ...parts: (Buffer | string)[]): Buffer {
  const body = joined(...parts);
  const head = Buffer.alloc(4);
  head.writeUIntLE(body.length, 0, 3);
  head[3] = sequence;
  return Buffer.concat([head, body]);
}

function int(value: number, size: number): Buffer {
  const bytes = Buffer.alloc(size);
  bytes.writeUIntLE(value, 0, size);
  return bytes;
}

/** Its handshake, which is what a server says first. */
function greeting(): Buffer {
  const low = CAPABILITIES & 0xffff;
  const high = CAPABILITIES >>> 16;
  return packet(
    ...([0, Buffer.of(10), '8.0.0-tcplab\0', int(1, 4), 'abcdefgh\0', int(low, 2), Buffer.of(UTF8)] as const),
    ...[int(2, 2), int(high, 2), Buffer.of(21), Buffer.alloc(10), 'ijklmnopqrst\0', PLUGIN],
  );
}

function login(user: string): Buffer {
  return packet(
    1,
    int(CAPABILITIES & ~CONNECT_WITH_DB, 4),
    int(1 << 24, 4),
    Buffer.of(UTF8),
    Buffer.alloc(23),
    `${user}\0`,
    Buffer.of(0),
    PLUGIN,
  );
}

/** One packet; an error is a problem, except that of a wrong password, which a healthy server gives. */
function packetReader(): AnswerReader {
  return messageReader(isWhole, (seen) => {
    // Its first packet has the number 0, and no packet of a login is long.
    if (seen.length >= 4 && (seen[2] !== 0 || (seen[3] ?? 0) > 2)) return "the response is not MySQL's";
    if (!isWhole(seen) || seen[4] !== 0xff || seen.length < 7) return null;
    const code = seen.readUInt16LE(5);
    return DENIED.has(code) ? null : `error ${code}: ${seen.subarray(7).toString('latin1').trim()}`;
  });
}

function isWhole(seen: Buffer): boolean {
  return seen.length >= 4 && seen.length >= 4 + seen.readUIntLE(0, 3);
}

/** ER_ACCESS_DENIED_ERROR, ER_ACCESS_DENIED_NO_PASSWORD_ERROR, ER_NOT_SUPPORTED_AUTH_MODE. */
const DENIED: ReadonlySet<number> = new Set([1045, 1698, 1251]);

const ok = (sequence: number) => packet(sequence, Buffer.of(0, 0, 0), int(2, 2), int(0, 2));

/** One row with one column of text. */
function row(): Buffer {
  const word = (text: string) => Buffer.concat([Buffer.of(text.length), Buffer.from(text)]);
  const column = [
    word('def'),
    word(''),
    word(''),
    word(''),
    word('value'),
    word(''),
    Buffer.of(0x0c),
    int(UTF8, 2),
  ];
  const eof = (sequence: number) => packet(sequence, Buffer.of(0xfe, 0, 0, 2, 0));
  const text = 'x'.repeat(1000);
  return Buffer.concat([
    packet(1, Buffer.of(1)),
    packet(2, ...column, int(4000, 4), Buffer.of(0xfd, 0, 0, 0, 0, 0)),
    eof(3),
    packet(4, Buffer.of(0xfc), int(text.length, 2), text),
    eof(5),
  ]);
}

function respond(heard: Buffer): Reply | undefined {
  if (heard.length < 5) return undefined;
  const used = 4 + heard.readUIntLE(0, 3);
  if (heard.length < used) return undefined;
  // The client's handshake is the answer to packet 0; each command begins with 0 again.
  const sequence = heard[3] ?? 0;
  if (sequence > 0) return replyOf(used, ok(sequence + 1));
  const COM_QUIT = 1;
  const COM_QUERY = 3;
  if (heard[4] === COM_QUIT) return replyOf(used, Buffer.alloc(0), true);
  const text = heard.subarray(5, used).toString('utf8');
  const isQuery = heard[4] === COM_QUERY && /^\s*(select|show)/i.test(text);
  return replyOf(used, isQuery ? row() : ok(1));
}

/** MySQL's protocol 4.1, which MariaDB speaks as well (https://dev.mysql.com/doc/dev/mysql-server/latest/PAGE_PROTOCOL.html). */
export const MYSQL: Talk = {
  name: 'mysql',
  request: login('tcplab'),
  greeting: packetReader,
  response: packetReader,
  welcome: greeting(),
  responder: () => respond,
};
