// Fills in the output of the commands that README.md and some guides show, from real runs. An output that has not changed but
// for its times and counts stays, so that a second run changes nothing.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { commandsIn, howRun, shapeOf, statusOf } from './blocks.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The pages whose commands are run, here and by test/doc-commands.test.ts. */
export const PAGES = [
  'README.md',
  'docs/first-hour.md',
  'docs/recipes.md',
  'docs/why.md',
  'docs/what-proven-means.md',
];

/** A folder with the examples in it and `tcplab` on the PATH: where a reader of a page types its commands. */
export class Reader {
  #folder = mkdtempSync(join(tmpdir(), 'tcplab-docs-'));

  constructor() {
    symlinkSync(join(root, 'dist/cli/main.js'), join(this.#folder, 'tcplab'));
    symlinkSync(join(root, 'examples'), join(this.#folder, 'examples'));
  }

  /**
   * How to start a command, for spawn(): both outputs go to stdout, for a terminal of 80 columns.
   * @param {string} command
   * @returns {[string, string[], { cwd: string, env: NodeJS.ProcessEnv }]}
   */
  start(command) {
    const PATH = [this.#folder, process.env['PATH'] ?? ''].join(delimiter);
    const env = { ...process.env, PATH, COLUMNS: '80', NO_COLOR: '1', NODE_OPTIONS: '' };
    return ['bash', ['-c', `exec 2>&1\n${command}`], { cwd: this.#folder, env }];
  }

  /** @param {string} command */
  run(command) {
    const [program, args, options] = this.start(command);
    const { status, stdout } = spawnSync(program, args, { ...options, encoding: 'utf8', timeout: 60_000 });
    return { status, output: stdout };
  }

  end() {
    rmSync(this.#folder, { recursive: true });
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
  const reader = new Reader();
  let made = '';
  let at = 0;
  for (const shown of commandsIn(page)) {
    if (howRun(shown) !== 'to its end') continue;
    const { status, output } = reader.run(shown.command);
    if (status !== statusOf({ ...shown, output })) {
      throw new Error(`line ${shown.line}: ${shown.command}: exit status ${status}\n${output}`);
    }
    if (shown.output === '' || shapeOf(output) === shapeOf(shown.output)) continue;
    // Trailing blanks, which netstat prints, do not survive in a page.
    made += `${page.slice(at, shown.from)}${output.replace(/ +$/gm, '').trimEnd()}\n`;
    at = shown.to;
  }
  reader.end();
  return made + page.slice(at);
}
