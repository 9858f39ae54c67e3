import { describe, expect, it } from 'vitest';
import { answerTo } from './names.ts';

/** A query as getaddrinfo(3) sends it: recursion desired, one question. */
function query(name: string, type: number): Buffer {
  const labels = name.split('.').map((label) => `${String.fromCharCode(label.length)}${label}`);
  const header = Buffer.from([0xbe, 0xef, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0]);
  return Buffer.concat([header, Buffer.from(`${labels.join('')}\0`), Buffer.from([0, type, 0, 1])]);
}

const [A, AAAA, TXT] = [1, 28, 16];
const NAMES = { 'server.test': ['192.0.2.7', '192.0.2.9', '2001:db8::7'] };

function summary(answer: Buffer | undefined) {
  return {
    id: answer?.readUInt16BE(0),
    isResponse: ((answer?.readUInt16BE(2) ?? 0) & 0x8000) !== 0,
    error: (answer?.readUInt16BE(2) ?? 0) & 0x000f,
    answers: answer?.readUInt16BE(6),
  };
}

describe('the DNS server of a lab', () => {
  it('responds with the addresses of the type, in their order', () => {
    const asked = query('server.test', A);
    const answer = answerTo(asked, NAMES);
    expect(summary(answer)).toEqual({ id: 0xbeef, isResponse: true, error: 0, answers: 2 });
    const records = answer?.subarray(asked.length);
    expect(records?.toString('hex')).toBe('c00c00010001000000000004c0000207c00c00010001000000000004c0000209');
    expect(summary(answerTo(query('server.test', AAAA), NAMES)).answers).toBe(1);
  });

  it('takes upper case for lower case, and returns the question as it was', () => {
    const asked = query('SerVer.Test', A);
    expect(answerTo(asked, NAMES)?.subarray(12, asked.length)).toEqual(asked.subarray(12));
  });

  it('tells a name without such records from one that does not exist', () => {
    expect(summary(answerTo(query('server.test', TXT), NAMES))).toMatchObject({ error: 0, answers: 0 });
    expect(summary(answerTo(query('other.test', A), NAMES))).toMatchObject({ error: 3, answers: 0 });
    expect(summary(answerTo(query('constructor', A), NAMES))).toMatchObject({ error: 3, answers: 0 });
  });

  it.each([
    ['is cut', query('server.test', A).subarray(0, 20)],
    ['is empty', Buffer.alloc(0)],
    ['is a response', answerTo(query('server.test', A), NAMES) ?? Buffer.alloc(0)],
    [
      'has a pointer for a name',
      Buffer.concat([query('a', A).subarray(0, 12), Buffer.from([0xc0, 12, 0, 1, 0, 1])]),
    ],
  ])('does not respond to what %s', (_, asked) => {
    expect(answerTo(asked, NAMES)).toBeUndefined();
  });
});
