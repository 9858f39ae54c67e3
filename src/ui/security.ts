import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Refusal } from './refusal.ts';

/**
 * Any page that the user has open elsewhere can send requests to 127.0.0.1, and by a name that it points there
 * (DNS rebinding) even read the answers; so can every other user of the machine. So only a request that was sent to
 * this very address, by this very page, with the token, gets at a lab.
 */

/** Of every answer. No Access-Control header ever: nobody else may read one. */
export const HEADERS: Readonly<Record<string, string>> = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'no-store',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

/** 192 bits, in letters that a URL takes as they are. */
export function newToken(): string {
  return randomBytes(24).toString('base64url');
}

/** Throws a Refusal for what was not sent to this address, or comes from elsewhere. */
export function checkSource({ headersDistinct: headers }: IncomingMessage, port: number): void {
  const [host, ...more] = headers['host'] ?? [];
  if (more.length > 0 || (host !== `127.0.0.1:${port}` && host !== `localhost:${port}`)) {
    throw new Refusal(403, `this is no server for that Host: open http://127.0.0.1:${port}/`);
  }
  const origins = headers['origin'] ?? [];
  if (origins.some((origin) => origin !== `http://${host}`)) {
    throw new Refusal(403, 'requests from other origins are refused');
  }
  const sites = headers['sec-fetch-site'] ?? [];
  // To open the page from a link elsewhere is fine: it is shown in a tab of its own, and knows no token yet.
  const opens = headers['sec-fetch-mode']?.[0] === 'navigate';
  if (sites.some((site) => site !== 'same-origin' && site !== 'none' && !opens)) {
    throw new Refusal(403, 'requests from other sites are refused');
  }
}

/** Throws a Refusal when the request does not carry the token (RFC 6750, 2.1). */
export function checkToken({ headersDistinct: headers }: IncomingMessage, token: string): void {
  const [given = '', ...more] = headers['authorization'] ?? [];
  if (more.length === 0 && sameText(given, `Bearer ${token}`)) return;
  throw new Refusal(401, 'the token is missing or wrong: open the URL that `tcplab ui` printed', {
    'WWW-Authenticate': 'Bearer',
  });
}

/** In the same time whatever differs, and however long it is. */
function sameText(a: string, b: string): boolean {
  const [one, other] = [a, b].map((text) => createHash('sha256').update(text).digest());
  return timingSafeEqual(one as Buffer, other as Buffer);
}
