import fc from 'fast-check';
import { expect, it } from 'vitest';
import { STEPS_A_WALK, WALK } from './fuzz/deeds.ts';
import { type Tally, walk } from './fuzz/walk.ts';

/** `npm run fuzz -- --seed N --steps M` sets these. */
const STEPS = Number(process.env['TCPLAB_FUZZ_STEPS'] ?? 300);
const SEED = Number(process.env['TCPLAB_FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

it('no witness contradicts another, whatever both ends do', async () => {
  const tally: Tally = { asked: 0, definite: 0 };
  await fc.assert(
    fc.asyncProperty(WALK, (each) => walk(each, tally)),
    { seed: SEED, numRuns: Math.ceil(STEPS / STEPS_A_WALK), interruptAfterTimeLimit: 60 * 60_000 },
  );
  console.info(`seed ${SEED}: the packets named one state ${tally.definite} times of ${tally.asked}`);
  expect(tally.asked).toBeGreaterThan(0);
}, 3_600_000);
