import { SystemError } from '../error.ts';
import { forgetNeighbour, type Neighbour, setNeighbour } from '../kernel/rtnetlink.ts';
import { writeSysctl } from '../kernel/sysctl.ts';
import type { Family } from '../tcp/endpoint.ts';
import { INTERFACE } from './addresses.ts';

/**
 * Has the kernel wait for the neighbour to be found, which it leaves to a daemon (arp(7), app_solicit): that is us. False where
 * the system does not let it. To be called inside the host, as is the other.
 */
export function loseNeighbour({ address }: Neighbour, family: Family): boolean {
  const neighbours = `net.${family}.neigh.${INTERFACE}`;
  try {
    writeSysctl(`${neighbours}.app_solicit`, 1);
    writeSysctl(`${neighbours}.mcast_solicit`, 0);
    forgetNeighbour(INTERFACE, address);
    return true;
  } catch (error) {
    if (error instanceof SystemError) return false;
    throw error;
  }
}

/** What waited leaves in this very call. */
export function findNeighbour(neighbour: Neighbour): void {
  setNeighbour(INTERFACE, neighbour);
}
