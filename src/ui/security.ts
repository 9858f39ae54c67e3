import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Refusal } from './refusal.ts';

/**
 * Any page that the user has open elsewhere can send requests to 127.0.0.1, and by a name that it points there
 * (DNS rebinding) even read the answers; so can every other user of the machine. So only a request that was sent to
 * this very address, by this very page, with the token, gets at a lab.
 */

/** For every response. Never an Access-Control header: no other origin may read a response. */
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

/**
 * The values of Host that a browser sends when it reaches the page at `address`. A wildcard address has no name of its own,
 * so it takes those of the loopback alone: a container's port is published there. None of them is a name that DNS can
 * point elsewhere, unless `named` is one: the host, and the port if it differs, that the user says browsers will use.
 */
export function hostsOf(address: string, port: number, named?: string): readonly [string, ...string[]] {
  if (named !== undefined) return [withPort(named, port)];
  const host = address.includes(':') ? `[${address}]` : address;
  if (address === '0.0.0.0' || address === '::')
    return [withPort('127.0.0.1', port), withPort('localhost', port)];
  const own = withPort(host, port);
  return address === '127.0.0.1' || address === '::1' ? [own, withPort('localhost', port)] : [own];
}

/** As a browser writes it into Host: without the port 80, which is the scheme's own (RFC 9110, 4.2.1). */
function withPort(host: string, port: number): string {
  return new URL(`http://${/:\d+$/.test(host.replace(/^\[.*\]/, '')) ? host : `${host}:${port}`}`).host;
}

/** Throws a Refusal for a request that was not sent to one of `hosts`, or that another page sent. */
export function checkSource(
  { headersDistinct: headers }: IncomingMessage,
  hosts: readonly [string, ...string[]],
): void {
  const [host = '', ...more] = headers['host'] ?? [];
  if (more.length > 0 || !hosts.includes(host)) {
    throw new Refusal(
      403,
      `this page is not served under that Host: open http://${hosts[0]}/, ` +
        'or name the host and port that browsers use with `tcplab ui --public HOST:PORT`',
    );
  }
  const origins = headers['origin'] ?? [];
  if (origins.some((origin) => origin !== `http://${host}`)) {
    throw new Refusal(403, 'requests from other origins are rejected');
  }
  const sites = headers['sec-fetch-site'] ?? [];
  // To open the page from a link elsewhere is fine: it is shown in a tab of its own, and knows no token yet.
  const opens = headers['sec-fetch-mode']?.[0] === 'navigate';
  if (sites.some((site) => site !== 'same-origin' && site !== 'none' && !opens)) {
    throw new Refusal(403, 'requests from other sites are rejected');
  }
}

/** Throws a Refusal when the request does not carry the token (RFC 6750, 2.1). */
export function checkToken({ headersDistinct: headers }: IncomingMessage, token: string): void {
  const [given = '', ...more] = headers['authorization'] ?? [];
  if (more.length === 0 && sameText(given, `Bearer ${token}`)) return;
  throw new Refusal(401, 'the token is missing or wrong: open the complete URL that `tcplab ui` printed', {
    'WWW-Authenticate': 'Bearer',
  });
}

/** In the same time whatever differs, and however long it is. */
function sameText(a: string, b: string): boolean {
  const [one, other] = [a, b].map((text) => createHash('sha256').update(text).digest());
  return timingSafeEqual(one as Buffer, other as Buffer);
}
