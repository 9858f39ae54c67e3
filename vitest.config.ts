import { defineConfig, type ViteUserConfig } from 'vitest/config';

/** Ten thousand connections at once overrun the kernel's trace rings of all labs on the machine: alone, at the end. */
const CROWDS = 'test/crowd.test.ts';

/** What it looks at is started before all others and sleeps beside them; it is over when its turn comes. */
const SLOW_ARCS = 'test/slow-arcs.test.ts';

const common = {
  // koffi and worker threads do not go together: ending a worker can abort the process.
  pool: 'forks',
  // They wait more than they work: for the kernel's timers.
  maxWorkers: 2,
  testTimeout: 60_000,
  hookTimeout: 60_000,
} as const;

const config: ViteUserConfig = defineConfig({
  test: {
    projects: [
      {
        test: {
          ...common,
          name: 'labs',
          include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: [CROWDS, SLOW_ARCS],
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...common,
          name: 'slow arcs',
          include: [SLOW_ARCS],
          globalSetup: 'test/slow-arcs.setup.ts',
          sequence: { groupOrder: 1 },
        },
      },
      { test: { ...common, name: 'crowds', include: [CROWDS], sequence: { groupOrder: 2 } } },
    ],
  },
});

export default config;
