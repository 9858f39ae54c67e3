/**
 * Where kernel events do not show their namespace (tracefs), two labs with the same addresses can only be distinguished by the
 * client's port, and the events show the sockets of everybody on the machine. So each process that sees them so has a slot
 * of ports, and each of its labs a block of that, below the range from which the kernel takes ports by itself.
 */
const SLOTS = { first: 1024, blocks: 100, count: 26 };
const BLOCK = 12;

/**
 * The ports of crowds: above all blocks that distinguish events. A lab that sees events must not take
 * those of another lab's crowd for its own.
 */
export const CROWD_PORTS: PortBlock = {
  first: SLOTS.first + SLOTS.count * SLOTS.blocks * BLOCK,
  last: 65_535,
};

/** Out of the way of processes that need slots. Labs begin at different ports, so that captures of several can be joined. */
const OWN = { first: 33_000, last: 49_799, labs: 1000 };

/** The kernel takes no lower one into ip_local_port_range, from which a program's connection gets its port. */
export const FIRST_PORT_OF_PROGRAMS = 1024;

/** As many ports after it as a scenario may need. */
export const LAST_CLIENT_PORT = 65_500;

let next = 0;

export interface PortBlock {
  first: number;
  last: number;
}

/** The block that begins at a port that was chosen. */
export function portBlockAt(first: number): PortBlock {
  return { first, last: first + BLOCK - 1 };
}

/** With a slot, its blocks in turn: one is used again after a hundred labs, when nothing of its first user is left. */
export function takePortBlock(slot: number | null): PortBlock {
  if (slot === null) return { first: OWN.first + (next++ % OWN.labs) * BLOCK, last: OWN.last };
  const first = SLOTS.first + (slot % SLOTS.count) * SLOTS.blocks * BLOCK;
  const start = first + (next++ % SLOTS.blocks) * BLOCK;
  return portBlockAt(start);
}
