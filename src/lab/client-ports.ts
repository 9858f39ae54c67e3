/**
 * Kernel events of two labs with the same addresses can only be told apart by the client's port, and they show the
 * sockets of everybody on the machine. So each process that sees them has a slot of ports, and each of its labs a block
 * of that, below the range from which the kernel takes ports by itself. A process that does not see them stays out of
 * the way of those that do.
 */
const SLOTS = { first: 1024, blocks: 100, count: 26 };
const UNSEEING = { first: 33_000, blocks: 1400 };
const BLOCK = 12;

/**
 * What a crowd has: it is above all blocks that anybody tells events apart by. A lab that sees events must not take
 * those of another's crowd for its own.
 */
export const CROWD_PORTS: PortBlock = {
  first: SLOTS.first + SLOTS.count * SLOTS.blocks * BLOCK,
  last: 65_535,
};

let next = 0;

export interface PortBlock {
  first: number;
  last: number;
}

/** The blocks in turn; one is used again after a hundred labs, when nothing of its first user is left. */
export function takePortBlock(slot: number | null): PortBlock {
  const { first, blocks } =
    slot === null
      ? UNSEEING
      : { first: SLOTS.first + (slot % SLOTS.count) * SLOTS.blocks * BLOCK, blocks: SLOTS.blocks };
  const start = first + (next++ % blocks) * BLOCK;
  return { first: start, last: start + BLOCK - 1 };
}
