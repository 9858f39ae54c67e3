import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** The file that gets the outcome of `tcplab arcs --slow --json` when it has ended; null when it was not asked for. */
    slowArcs: string | null;
  }
}

const MAIN = join(import.meta.dirname, '../dist/cli/main.js');

/**
 * Starts what waits for more than a minute before any test: it sleeps beside them, in no worker that they could use, and
 * has long ended when the test that looks at it has its turn, in a later group.
 */
export default function startSlowArcs(project: TestProject): () => Promise<void> {
  if (process.env['TCPLAB_SLOW'] !== '1') {
    project.provide('slowArcs', null);
    return async () => {};
  }
  const folder = mkdtempSync(join(tmpdir(), 'tcplab-slow-arcs-'));
  const file = join(folder, 'outcome.json');
  // Its output goes through us: should we be killed, it ends when it has something to say.
  const child = spawn(process.execPath, [MAIN, 'arcs', '--slow', '--json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const written = Promise.all([once(child, 'close'), text(child.stdout), text(child.stderr)]).then(
    ([[status], stdout, stderr]) => {
      writeFileSync(`${file}.new`, JSON.stringify({ status, stdout, stderr }));
      // Who finds it finds all of it.
      renameSync(`${file}.new`, file);
    },
  );
  project.provide('slowArcs', file);
  return async () => {
    child.kill('SIGTERM');
    await written;
    rmSync(folder, { recursive: true });
  };
}
