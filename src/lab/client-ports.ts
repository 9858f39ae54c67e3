/**
 * Kernel events of two labs with the same addresses can only be told apart by the client's port, so every lab has
 * ports of its own: each process of this machine its slot, each lab a block of that.
 */
const FIRST = 10_000;
const BLOCK = 16;
const BLOCKS_A_SLOT = 200;
export const SLOTS = 16;

let next = 0;

export interface PortBlock {
  first: number;
  last: number;
}

/** The blocks of a slot in turn; one is used again after 200 labs, when nothing of the first user is left. */
export function takePortBlock(slot: number): PortBlock {
  const first = FIRST + (slot * BLOCKS_A_SLOT + (next++ % BLOCKS_A_SLOT)) * BLOCK;
  return { first, last: first + BLOCK - 1 };
}
