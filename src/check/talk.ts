/** The request that tcplab sends to a server, and when the response is complete. */
export interface Talk {
  /** Empty if there is no request: then it is enough that the connection is accepted. */
  request: Buffer;
  /** Whether the response is complete; `isOver` if the server has sent its FIN. */
  isWhole(answer: Buffer, isOver: boolean): boolean;
}

/** No request. */
export const SILENCE: Talk = { request: Buffer.alloc(0), isWhole: () => true };

/** An HTTP/1.1 GET (RFC 9112) on a persistent connection. */
export function httpTalk(path: string, host: string): Talk {
  const request = Buffer.from(
    `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: tcplab\r\nAccept: */*\r\n\r\n`,
  );
  return { request, isWhole: isWholeHttpAnswer };
}

/** Bytes as the request. The response is complete when it has the expected text, or any bytes if no text is expected. */
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
