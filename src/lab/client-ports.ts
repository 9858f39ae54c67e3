/**
 * Where kernel events do not tell their namespace (tracefs), two labs with the same addresses can only be told apart by the
 * client's port, and the events show the sockets of everybody on the machine. So each process that sees them so has a slot
 * of ports, and each of its labs a block of that, below the range from which the kernel takes ports by itself.
 */
const SLOTS = { first: 1024, blocks: 100, count: 26 };
const BLOCK = 12;

/**
 * What a crowd has: it is above all blocks that anybody tells events apart by. A lab that sees events must not take
 * those of another's crowd for its own.
 */
export const CROWD_PORTS: PortBlock = {
  first: SLOTS.first + SLOTS.count * SLOTS.blocks * BLOCK,
  last: 65_535,
};

/** Out of the way of processes that need slots. */
const OWN_PORTS: PortBlock = { first: 33_000, last: 49_799 };

let next = 0;

export interface PortBlock {
  first: number;
  last: number;
}

/** Without a slot every lab has the same ports. Else the blocks in turn; one is used again after a hundred labs, when nothing of its first user is left. */
export function takePortBlock(slot: number | null): PortBlock {
  if (slot === null) return OWN_PORTS;
  const first = SLOTS.first + (slot % SLOTS.count) * SLOTS.blocks * BLOCK;
  const start = first + (next++ % SLOTS.blocks) * BLOCK;
  return { first: start, last: start + BLOCK - 1 };
}
