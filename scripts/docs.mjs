#!/usr/bin/env node
// The pages under docs/states: one a state, folded from a recorded run. `npm run docs` makes them from the record that is
// there, `npm run docs -- --record` records a new run first.
import { spawnSync } from 'node:child_process';
import { createReadStream, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from './build.mjs';
import { cliPage } from './docs/cli-page.mjs';
import { fillSamples } from './docs/samples.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = join(root, 'docs/states');
const record = join(folder, 'recorded.ndjson');

/** The name and text of each page, from the record. */
export async function pages() {
  const load = (path) => import(join(root, 'dist', path));
  const [{ readTimeline }, { statePage }, { STATES }, { Timeline }] = await Promise.all([
    load('report/timeline-file/read.js'),
    load('report/state-page.js'),
    load('tcp/state.js'),
    load('evidence/timeline.js'),
  ]);
  const timelines = [];
  for await (const piece of readTimeline(createReadStream(record), record)) {
    if (piece instanceof Timeline) timelines.push(piece);
  }
  const states = STATES.map((state) => ({
    name: `${state.toLowerCase()}.md`,
    text: statePage(state, timelines),
  }));
  return [{ name: 'README.md', text: index(STATES) }, ...states];
}

function index(states) {
  const links = states.map((state) => `- [${state}](${state.toLowerCase()}.md)`);
  const about =
    'What each state is, what ends it, what to do about it, and how it looks when it is held: from a real run.';
  return `# The states of a TCP connection\n\n${about}\n\n${links.join('\n')}\n`;
}

function recordRun() {
  mkdirSync(folder, { recursive: true });
  const command = [join(root, 'dist/cli/main.js'), 'run', '--jobs', '1', '--timeline', record];
  const { status } = spawnSync(process.execPath, command, { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
  // Whose build of the kernel it was is nobody's business.
  writeFileSync(record, readFileSync(record, 'utf8').replace(/("kernel":"[\d.]+)[^"]*"/, '$1"'));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  build(root);
  if (process.argv.includes('--record')) recordRun();
  for (const { name, text } of await pages()) writeFileSync(join(folder, name), text);
  writeFileSync(join(root, 'docs/cli.md'), cliPage());
  fillSamples();
}
