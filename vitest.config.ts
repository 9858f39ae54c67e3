import { defineConfig, type ViteUserConfig } from 'vitest/config';

const config: ViteUserConfig = defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    // koffi and worker threads do not go together: ending a worker can abort the process.
    pool: 'forks',
    // On a shared machine a test may be starved once; one that fails twice has failed.
    retry: process.env['CI'] ? 2 : 0,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});

export default config;
