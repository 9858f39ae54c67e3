import fc from 'fast-check';
import { expect, it } from 'vitest';
import { STEPS_A_WALK, WALK } from './fuzz/deeds.ts';
import { FOUND } from './fuzz/found.ts';
import { type Tally, walk } from './fuzz/walk.ts';

/** `npm run fuzz -- --seed N --steps M` sets these. Other walks each time; a walk that fails is printed, and goes to found.ts. */
const STEPS = Number(process.env['TCPLAB_FUZZ_STEPS'] ?? 300);
const SEED = Number(process.env['TCPLAB_FUZZ_SEED'] ?? 1 + Math.floor(Math.random() * 2 ** 30));

const HOUR_MS = 3_600_000;
const TOLD_EVERY = 1000;

it(
  'no witness contradicts another in random walks',
  async () => {
    const tally: Tally = { steps: 0, asked: 0, definite: 0 };
    let told = 0;
    const property = fc.asyncProperty(WALK, async (each) => {
      await walk(each, tally);
      if (tally.steps < told + TOLD_EVERY) return;
      told = tally.steps;
      console.info(`${tally.steps} steps: no contradiction`);
    });
    await fc.assert(property, { seed: SEED, numRuns: Math.ceil(STEPS / STEPS_A_WALK) });
    const share = Math.round((100 * tally.definite) / tally.asked);
    console.info(
      `seed ${SEED}, ${tally.steps} steps: the packets named a single state in ${share} % of looks`,
    );
    expect(tally.steps).toBeGreaterThan(0);
  },
  HOUR_MS,
);

it.each(FOUND)(
  'no witness contradicts another in a walk that once failed: $why',
  async ({ deeds, ...where }) => {
    await walk({ family: 'ipv4', firewall: 'nft', ...where, deeds }, { steps: 0, asked: 0, definite: 0 });
  },
);
