import type { HostName } from '../evidence/events.ts';
import type { AddressWithPrefix } from '../kernel/rtnetlink.ts';
import type { Family } from '../tcp/endpoint.ts';

/** The port on which the server of a lab listens. */
export const SERVER_PORT = 80;

/** The interface of each host. */
export const INTERFACE = 'eth0';

export const ADDRESSES: Record<HostName, Record<Family, AddressWithPrefix>> = {
  client: { ipv4: { address: '192.168.2.10', prefix: 24 }, ipv6: { address: 'fd00:2::10', prefix: 64 } },
  server: { ipv4: { address: '192.168.2.11', prefix: 24 }, ipv6: { address: 'fd00:2::11', prefix: 64 } },
};

/** Of the server, where a test asks for one more. */
export const SECOND_ADDRESS: Record<Family, AddressWithPrefix> = {
  ipv4: { address: '192.168.2.12', prefix: 24 },
  ipv6: { address: 'fd00:2::12', prefix: 64 },
};

export const LINK_ADDRESSES: Record<HostName, Uint8Array> = {
  client: Uint8Array.of(0x02, 0, 0, 0, 0x02, 0x10),
  server: Uint8Array.of(0x02, 0, 0, 0, 0x02, 0x11),
};
