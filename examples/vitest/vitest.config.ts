import { defineConfig, type ViteUserConfig } from 'vitest/config';

// A lab wants a process: the kernel's functions are called by a module that can't be in a worker thread.
const config: ViteUserConfig = defineConfig({ test: { pool: 'forks' } });

export default config;
