/** What is said to a server over a connection, and when its answer is complete. */
export interface Talk {
  /** Empty when nothing is said: then a connection that is accepted is all that is asked for. */
  request: Buffer;
  /** Whether this is the whole answer; `isOver` when the server has sent its FIN. */
  isWhole(answer: Buffer, isOver: boolean): boolean;
}

/** Nothing is said. */
export const SILENCE: Talk = { request: Buffer.alloc(0), isWhole: () => true };

/** A GET of HTTP/1.1 (RFC 9112) on a connection that may go on. */
export function httpTalk(path: string, host: string): Talk {
  const request = Buffer.from(
    `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: tcplab\r\nAccept: */*\r\n\r\n`,
  );
  return { request, isWhole: isWholeHttpAnswer };
}

/** Bytes that are sent as they are; the answer is whole when it has the expected text, or else when anything has come. */
export function textTalk(request: Buffer, expected: Buffer = Buffer.alloc(0)): Talk {
  return {
    request,
    isWhole: (answer) => answer.length > 0 && answer.includes(expected),
  };
}

/** RFC 9112, 6.3: by its length, its last chunk, or the end of the connection. */
function isWholeHttpAnswer(answer: Buffer, isOver: boolean): boolean {
  const end = answer.indexOf('\r\n\r\n');
  if (end < 0) return false;
  const head = answer.subarray(0, end).toString('latin1');
  const body = answer.length - end - 4;
  if (/^HTTP\/1\.\d (204|304)/.test(head)) return true;
  if (/^transfer-encoding:.*chunked/im.test(head))
    return /(^|\r\n)0\r\n(.*\r\n)*\r\n$/.test(answer.subarray(end + 4).toString('latin1'));
  const length = /^content-length:\s*(\d+)/im.exec(head)?.[1];
  return length === undefined ? isOver : body >= Number(length);
}
