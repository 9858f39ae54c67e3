import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { buildIfStale } from './build.mjs';
import { runtimeNeeds } from './setup/needs.mjs';
import { ensureNode } from './setup/node.mjs';
import { ensureNpmPackages } from './setup/npm.mjs';
import { orExit } from './setup/say.mjs';
import { ensureSystemPackages } from './setup/system.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

orExit(() => {
  ensureNode(root);
  ensureNpmPackages(root);
  ensureSystemPackages(runtimeNeeds);
  buildIfStale(root);
});

// tcplab goes on in this very process and not in a child: signals come to it as they are sent, a SIGKILL
// leaves no child behind, and its exit status is this one's.
const main = join(root, 'dist/cli/main.js');
const [node = process.execPath, , ...args] = process.argv;
process.argv = [node, main, ...(args.length > 0 ? args : ['run'])];
await import(pathToFileURL(main).href);
