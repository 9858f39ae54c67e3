import { type AnswerReader, messageReader, type Responder, replyOf, type Talk } from './talk.ts';

/** SMTP (RFC 5321): the server speaks first. */
export const SMTP: Talk = {
  name: 'smtp',
  request: Buffer.from('EHLO tcplab\r\n'),
  greeting: replyReader,
  response: replyReader,
  welcome: Buffer.from('220 tcplab ESMTP\r\n'),
  responder,
};

/** A reply of one or more lines (RFC 5321, 4.2): the last one has a space after its code. */
function replyReader(): AnswerReader {
  return messageReader(
    (seen) => lastLine(seen) !== null,
    (seen) => {
      if (!/^\d{3}/.test(seen.toString('latin1'))) return 'the response is not SMTP';
      const last = lastLine(seen);
      return last && Number(last[1]) >= 4 ? last[0].trim() : null;
    },
  );
}

function lastLine(seen: Buffer): RegExpExecArray | null {
  return /^(\d)\d\d(?: [^\n]*)?\n/m.exec(seen.toString('latin1'));
}

function responder(): Responder {
  let isMail = false;
  return (heard) => {
    const end = heard.indexOf(isMail ? '\r\n.\r\n' : '\n');
    if (end < 0) return undefined;
    const used = end + (isMail ? 5 : 1);
    const line = heard.subarray(0, end).toString('latin1');
    const reply = isMail ? '250 OK' : replyTo(line);
    isMail = !isMail && /^data\b/i.test(line);
    return replyOf(used, Buffer.from(`${reply}\r\n`), /^quit\b/i.test(line));
  };
}

function replyTo(line: string): string {
  if (/^data\b/i.test(line)) return '354 End data with <CR><LF>.<CR><LF>';
  if (/^quit\b/i.test(line)) return '221 Bye';
  return /^ehlo\b/i.test(line) ? '250 tcplab' : '250 OK';
}
