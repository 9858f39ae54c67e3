/** The NFLOG groups that agents use: other programs may use others. Each host needs its own. */
export const LOG_GROUPS: { any: () => number; has: (group: number) => boolean } = {
  any: () => FIRST + Math.floor(Math.random() * COUNT),
  has: (group) => group >= FIRST && group < FIRST + COUNT,
};

const FIRST = 4000;
const COUNT = 60_000;
