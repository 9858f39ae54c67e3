import { isIPv4, isIPv6 } from 'node:net';
import { InvalidArgumentError } from 'commander';
import type { Endpoint } from '../tcp/endpoint.ts';

/** `127.0.0.1`, `0.0.0.0:8080`, `::1`, `[::1]:8080`. Default port: 0, which means any free port. */
export function parseListen(text: string): Endpoint {
  const [, bracketed = '', plain = '', digits] =
    /^(?:\[([^\]%]+)\]|([^:[\]]+))(?::(\d+))?$/.exec(
      text.includes('::') && !text.startsWith('[') ? `[${text}]` : text,
    ) ?? [];
  if (!isIPv6(bracketed) && !isIPv4(plain)) {
    throw new InvalidArgumentError(
      'Expected an IP address, and a port if you like: 0.0.0.0:8080, [::1]:8080.',
    );
  }
  const port = Number(digits ?? 0);
  if (digits !== undefined && (port < 1 || port > 65_535)) {
    throw new InvalidArgumentError('Expected a port from 1 to 65535 after the address.');
  }
  // A URL has the short form of an IPv6 address (RFC 5952).
  return { address: plain || new URL(`http://[${bracketed}]`).hostname.slice(1, -1), port };
}

/** `lab.example:9000`, `192.168.2.1`: the part of the browser's address bar between `http://` and the next slash. */
export function parsePublicHost(text: string): string {
  const host = text.toLowerCase();
  const url = URL.canParse(`http://${host}`) ? new URL(`http://${host}`) : undefined;
  if (!/^[\w.:[\]-]+$/.test(host) || url === undefined || (url.host !== host && `${url.host}:80` !== host)) {
    throw new InvalidArgumentError('Expected HOST[:PORT] as the browser shows it, such as localhost:9000.');
  }
  return host;
}
