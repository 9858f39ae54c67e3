import { SystemError, TcplabError } from '../error.ts';
import type { HostName } from '../evidence/events.ts';
import { addressBytes, type Family } from '../tcp/endpoint.ts';
import type { Channel } from './channel.ts';
import type { OwnAddress } from './reachability.ts';

/** By which of its addresses, on which of its interfaces, each host has to do with the other. */
export type Route = Record<HostName, { address: string; interface: string }>;

const WITHIN_MS = 2000;

/**
 * Finds out by connecting once to each of the server's addresses, those in a network of the client's own first. Throws
 * where none is reached, or where addresses are translated in between: then no segment could be matched with the other side's.
 */
export async function findRoute(
  { client, server }: Record<HostName, Channel>,
  family: Family,
): Promise<Route> {
  const [own, theirs] = await Promise.all([
    client.call('ownAddresses', family),
    server.call('ownAddresses', family),
  ]);
  const candidates = theirs.toSorted((a, b) => Number(isNear(b, own)) - Number(isNear(a, own)));
  const failures: string[] = [];
  for (const { address, interface: interfaceName } of candidates) {
    const port = await server.call('openPort', address).catch(reasonOf);
    if (typeof port === 'string') {
      failures.push(`${address}: ${port}`);
      continue;
    }
    const attempt = await client.call('tryPort', address, port, WITHIN_MS);
    const hasConnected = 'from' in attempt;
    const seenFrom = await server.call('closePort', port, hasConnected ? WITHIN_MS : 0);
    if (!hasConnected) {
      failures.push(`${address}: ${attempt.errno}`);
      continue;
    }
    const local = own.find((one) => one.address === attempt.from);
    if (seenFrom !== attempt.from || !local) {
      failures.push(
        `${address}: ${seenFrom === null ? 'no connection arrives' : `${attempt.from} arrives as ${seenFrom}`}`,
      );
      continue;
    }
    return {
      client: { address: attempt.from, interface: local.interface },
      server: { address, interface: interfaceName },
    };
  }
  const version = family === 'ipv6' ? 'IPv6' : 'IPv4';
  const tried =
    failures.length > 0 ? ` (${failures.join('; ')})` : `: ${server.place.name} has no ${version} address`;
  throw new TcplabError(
    'MACHINE',
    `${client.place.name} cannot reach ${server.place.name} over ${version}${tried}`,
    {
      hint: 'the client must be able to connect to any TCP port of the server, without NAT in between',
    },
  );
}

function reasonOf(error: unknown): string {
  if (error instanceof SystemError) return error.errno;
  throw error;
}

/** Whether an address is in a network that one of the others is in. */
function isNear({ address, netmask }: OwnAddress, others: readonly OwnAddress[]): boolean {
  const mask = addressBytes(netmask);
  const network = (text: string) => addressBytes(text).map((octet, index) => octet & (mask[index] ?? 0));
  const own = Buffer.from(network(address));
  return others.some((other) => own.equals(Buffer.from(network(other.address))));
}
