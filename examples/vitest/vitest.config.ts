import { defineConfig, type ViteUserConfig } from 'vitest/config';

// Labs run in processes only: a lab can't be in a worker thread.
const config: ViteUserConfig = defineConfig({ test: { pool: 'forks' } });

export default config;
