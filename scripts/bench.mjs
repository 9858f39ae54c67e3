import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildIfStale } from './build.mjs';
import { runtimeNeeds, testNeeds } from './setup/needs.mjs';
import { ensureNode } from './setup/node.mjs';
import { ensureNpmPackages } from './setup/npm.mjs';
import { orExit, SetupError } from './setup/say.mjs';
import { ensureSystemPackages } from './setup/system.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

orExit(() => {
  ensureNode(root);
  if (process.getuid?.() !== 0) {
    throw new SetupError('the benchmark needs root: what it compares with makes namespaces with names');
  }
  ensureNpmPackages(root);
  ensureSystemPackages([...runtimeNeeds, ...testNeeds]);
  buildIfStale(root);
});

const args = [join(root, 'bench/bench.mjs'), ...process.argv.slice(2)];
process.exitCode = spawnSync(process.execPath, args, { stdio: 'inherit' }).status ?? 1;
