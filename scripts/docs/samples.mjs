// Fills in the output of the commands that README.md and some guides show, from real runs. An output that has not changed but
// for its times and counts stays, so that a second run changes nothing.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { commandsIn, isEndless, shapeOf, statusOf } from './blocks.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The pages whose commands are run, here and by test/doc-commands.test.ts. */
export const PAGES = ['README.md', 'docs/recipes.md', 'docs/what-proven-means.md'];

/**
 * Runs a command as a reader with a terminal of 80 columns would, from the clone, with `tcplab` on the PATH.
 * @param {string} command
 */
export function runAsReader(command) {
  const folder = mkdtempSync(join(tmpdir(), 'tcplab-docs-'));
  try {
    symlinkSync(join(root, 'dist/cli/main.js'), join(folder, 'tcplab'));
    const PATH = [folder, process.env['PATH'] ?? ''].join(delimiter);
    const env = { ...process.env, PATH, COLUMNS: '80', NO_COLOR: '1', NODE_OPTIONS: '' };
    const { status, stdout, stderr } = spawnSync('bash', ['-c', `exec 2>&1\n${command}`], {
      cwd: root,
      env,
      encoding: 'utf8',
      timeout: 60_000,
    });
    return { status, output: `${stdout}${stderr}` };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** @returns {string[]} the pages that it changed */
export function fillSamples() {
  return PAGES.filter((name) => {
    const path = join(root, name);
    const old = readFileSync(path, 'utf8');
    const page = filled(old);
    if (page !== old) writeFileSync(path, page);
    return page !== old;
  });
}

/** @param {string} page */
function filled(page) {
  let made = page;
  // From the last to the first, so that the places of those before stay true.
  for (const shown of commandsIn(page).reverse()) {
    if (shown.output === '' || isEndless(shown.command)) continue;
    const { status, output } = runAsReader(shown.command);
    if (status !== statusOf({ ...shown, output })) {
      throw new Error(`line ${shown.line}: ${shown.command}: exit status ${status}\n${output}`);
    }
    if (shapeOf(output) === shapeOf(shown.output)) continue;
    made = `${made.slice(0, shown.from)}${output.trimEnd()}\n${made.slice(shown.to)}`;
  }
  return made;
}
