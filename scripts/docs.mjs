#!/usr/bin/env node
// Generates the pages under docs/states, one per state, from a recorded run and the sysctls of its kernel.
// `npm run docs -- --record` records a new run first.
import { spawnSync } from 'node:child_process';
import { createReadStream, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build as bundle } from 'esbuild';
import { build } from './build.mjs';
import { checkPage } from './docs/check-page.mjs';
import { cliPage } from './docs/cli-page.mjs';
import { fillSamples } from './docs/samples.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = join(root, 'docs/states');
const record = join(folder, 'recorded.ndjson');
const settings = join(folder, 'recorded-sysctls.json');

/** The name and text of each page, from the record. */
export async function pages() {
  const load = (path) => import(join(root, 'build', path));
  const [
    { readTimeline },
    { statePage },
    { statesFrontPage },
    { whatIsProvenPage },
    { boxesPage },
    { STATES },
    { parseSysctls },
    { Timeline },
  ] = await Promise.all([
    load('report/files/timeline/read.js'),
    load('report/guide/state-page.js'),
    load('report/guide/states-front-page.js'),
    load('report/guide/what-is-proven-page.js'),
    load('report/guide/boxes-page.js'),
    load('tcp/state.js'),
    load('tcp/sysctls.js'),
    load('evidence/timeline.js'),
  ]);
  const timelines = [];
  let machine = '';
  for await (const piece of readTimeline(createReadStream(record), record)) {
    if (piece instanceof Timeline) timelines.push(piece);
    else if (piece.type === 'run-started') machine = `Linux ${piece.machine.kernel} (${piece.machine.arch})`;
  }
  const values = JSON.parse(readFileSync(settings, 'utf8'));
  const recorded = { machine, sysctls: parseSysctls((name) => values[name]), timelines };
  const states = STATES.map((state) => ({
    name: `${state.toLowerCase()}.md`,
    text: statePage(state, recorded),
  }));
  return [
    { name: 'README.md', text: statesFrontPage(recorded) },
    { name: '../boxes.md', text: boxesPage() },
    { name: '../check-tests.md', text: await checkPage() },
    { name: '../what-is-proven.md', text: whatIsProvenPage(recorded, await toldOfCells()) },
    ...states,
  ];
}

/** What the packets witness tells in the measured cells of the tests. */
async function toldOfCells() {
  const { outputFiles } = await bundle({
    absWorkingDir: root,
    entryPoints: ['test/matrix/told.ts'],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    define: { 'import.meta.url': JSON.stringify(pathToFileURL(join(root, 'test/matrix/cells.ts'))) },
  });
  const code = Buffer.from(outputFiles[0].contents).toString('base64');
  return (await import(`data:text/javascript;base64,${code}`)).toldOfCells();
}

function recordRun() {
  mkdirSync(folder, { recursive: true });
  const command = [join(root, 'dist/cli/main.js'), 'run', '--jobs', '1', '--timeline', record];
  const { status } = spawnSync(process.execPath, command, { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
  // The build of the kernel does not belong into the docs.
  writeFileSync(record, readFileSync(record, 'utf8').replace(/("kernel":"[\d.]+)[^"]*"/, '$1"'));
  recordSysctls();
}

/** The settings of a new network namespace on this machine: a lab's hosts have the same. */
function recordSysctls() {
  const read = [
    join(root, 'dist/cli/main.js'),
    'exec',
    '--',
    'sysctl',
    '-a',
    '-r',
    '^net\\.(ipv4\\.tcp_|core\\.)',
  ];
  const { stdout } = spawnSync(process.execPath, read, { encoding: 'utf8' });
  const all = [...stdout.matchAll(/^(\S+) = (\d+)$/gm)].map(([, name, value]) => [name, value]);
  writeFileSync(settings, `${JSON.stringify(Object.fromEntries(all), null, 2)}\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  build(root);
  if (process.argv.includes('--record')) recordRun();
  for (const { name, text } of await pages()) writeFileSync(join(folder, name), text);
  writeFileSync(join(root, 'docs/cli.md'), cliPage());
  fillSamples();
}
