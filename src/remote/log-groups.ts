/** Of the packet log's groups those that agents take: others may read logs of packets as well. Each host wants one of its own. */
export const LOG_GROUPS: { any: () => number; has: (group: number) => boolean } = {
  any: () => FIRST + Math.floor(Math.random() * COUNT),
  has: (group) => group >= FIRST && group < FIRST + COUNT,
};

const FIRST = 4000;
const COUNT = 60_000;
