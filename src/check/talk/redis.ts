import { type AnswerReader, messageReader, type Reply, replyOf, type Talk } from './talk.ts';

/** The protocol of Redis (RESP2, https://redis.io/docs/latest/develop/reference/protocol-spec/). */
export const REDIS: Talk = {
  name: 'redis',
  request: Buffer.from('*1\r\n$4\r\nPING\r\n'),
  greeting: () => null,
  response: lineReader,
  welcome: Buffer.alloc(0),
  responder: () => respond,
};

/** A simple string or an error: one line. */
function lineReader(): AnswerReader {
  return messageReader(
    (seen) => seen.includes('\r\n'),
    (seen) => {
      const line = seen.toString('latin1');
      if (!/^[-+:$*]/.test(line)) return 'the response is not RESP';
      return line.startsWith('-') ? line.trim() : null;
    },
  );
}

const VALUE = 'x'.repeat(1000);
const bulk = (text: string) => Buffer.from(`$${text.length}\r\n${text}\r\n`);
const INFO = bulk('# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\nloading:0\r\n');

function respond(heard: Buffer): Reply | undefined {
  const command = commandIn(heard);
  if (!command) return undefined;
  const { used, words } = command;
  const [name = ''] = words.map((word) => word.toUpperCase());
  if (name === 'QUIT') return replyOf(used, Buffer.from('+OK\r\n'), true);
  return replyOf(used, answerTo(name));
}

function answerTo(name: string): Buffer {
  switch (name) {
    case 'GET':
      return bulk(VALUE);
    case 'INFO':
      return INFO;
    case 'PING':
      return Buffer.from('+PONG\r\n');
    case 'COMMAND':
      return Buffer.from('*0\r\n');
    // Clients of RESP3 then fall back to RESP2.
    case 'HELLO':
      return Buffer.from("-ERR unknown command 'HELLO'\r\n");
    default:
      return Buffer.from('+OK\r\n');
  }
}

/** The first command: an array of bulk strings, or an inline command. */
function commandIn(heard: Buffer): { used: number; words: string[] } | undefined {
  const text = heard.toString('latin1');
  const end = text.indexOf('\r\n');
  if (end < 0) return undefined;
  if (!text.startsWith('*')) return { used: end + 2, words: text.slice(0, end).split(' ') };
  const words: string[] = [];
  let at = end + 2;
  for (let left = Number(text.slice(1, end)); left > 0; left--) {
    const size = /^\$(\d+)\r\n/.exec(text.slice(at, at + 16));
    if (!size) return undefined;
    const from = at + size[0].length;
    at = from + Number(size[1]) + 2;
    if (at > text.length) return undefined;
    words.push(text.slice(from, at - 2));
  }
  return { used: at, words };
}
