import { defineConfig, type ViteUserConfig } from 'vitest/config';

/** Ten thousand connections at once overrun the kernel's trace rings of all labs on the machine: alone, at the end. */
const CROWDS = 'test/crowd.test.ts';

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
          exclude: [CROWDS],
          sequence: { groupOrder: 0 },
        },
      },
      { test: { ...common, name: 'crowds', include: [CROWDS], sequence: { groupOrder: 1 } } },
    ],
  },
});

export default config;
