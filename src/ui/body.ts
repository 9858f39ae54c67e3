import type { IncomingMessage } from 'node:http';
import { Refusal } from './refusal.ts';

const MOST_BYTES = 16 * 1024;
/** How much of a body that is too large is read and discarded, so that its sender gets the response. */
const MOST_DISCARDED = 1024 * 1024;

/** The JSON in a request's body. */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const [type = ''] = (request.headers['content-type'] ?? '').split(';');
  if (type.trim().toLowerCase() !== 'application/json') {
    throw new Refusal(415, 'expected Content-Type: application/json');
  }
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    length += part.length;
    if (length <= MOST_BYTES) parts.push(part);
    else if (length > MOST_DISCARDED) break;
  }
  if (length > MOST_BYTES) {
    throw new Refusal(413, `expected at most ${MOST_BYTES} bytes`, { Connection: 'close' });
  }
  try {
    return JSON.parse(utf8.decode(Buffer.concat(parts)));
  } catch {
    throw new Refusal(400, 'expected JSON in UTF-8');
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true });
