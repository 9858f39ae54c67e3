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

/** One end of a wire. */
export interface WireEnd {
  interface: string;
  linkAddress: Uint8Array;
  /** In bytes; default: 1500. */
  mtu?: number;
  addresses: Record<Family, AddressWithPrefix>;
  /** Those that the other end finds at this link address; default: its own. */
  reaches?: Record<Family, AddressWithPrefix>;
}

function endAt(host: HostName): WireEnd {
  return { interface: INTERFACE, linkAddress: LINK_ADDRESSES[host], addresses: ADDRESSES[host] };
}

/** The wire of a lab. */
export const WIRE: Record<HostName, WireEnd> = { client: endAt('client'), server: endAt('server') };

/**
 * The wires of two labs that share a host: the client's to it, and its to the server. It has one address on both, and a
 * route to each.
 */
export const MIDDLE_WIRES: { front: Record<HostName, WireEnd>; back: Record<HostName, WireEnd> } = {
  front: { client: jumbo(endAt('client')), server: jumbo(middleEnd('eth0', 0x01, 'client')) },
  back: { client: jumbo(middleEnd('eth1', 0x02, 'server')), server: jumbo(endAt('server')) },
};

/**
 * The wires of a lab with a box between its hosts, which forwards. Both hosts keep their addresses and find each other at the
 * link address of the box, as if it were not there.
 */
export function boxWires(mtu?: number): typeof MIDDLE_WIRES {
  return {
    front: {
      client: endAt('client'),
      server: { ...middleEnd('eth0', 0x01, 'client'), reaches: ADDRESSES.server },
    },
    back: {
      client: {
        ...middleEnd('eth1', 0x02, 'server'),
        reaches: ADDRESSES.client,
        ...(mtu === undefined ? {} : { mtu }),
      },
      server: endAt('server'),
    },
  };
}

/** Through a relay go megabytes, twice: with jumbo frames that takes a sixth of the packets. */
function jumbo(end: WireEnd): WireEnd {
  return { ...end, mtu: 9000 };
}

function middleEnd(name: string, last: number, towards: HostName): WireEnd {
  const { ipv4, ipv6 } = ADDRESSES[towards];
  return {
    interface: name,
    linkAddress: Uint8Array.of(0x02, 0, 0, 0, 0x02, last),
    addresses: {
      ipv4: { address: '192.168.2.1', peer: ipv4.address, prefix: 32 },
      ipv6: { address: 'fd00:2::1', peer: ipv6.address, prefix: 128 },
    },
  };
}
