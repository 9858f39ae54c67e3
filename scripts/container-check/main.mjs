#!/usr/bin/env node
// Writes the table of docs/install.md: which options of a container make tcplab work. Run it as root on Debian, with debootstrap;
// the first run takes about five minutes. confine.mjs imitates Docker's defaults. Exit status 1 if a result is unexpected.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from '../build.mjs';
import { SetupError, say } from '../setup/say.mjs';
import { buildImage } from './image.mjs';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const page = join(repository, 'docs/install.md');
const MARKS = { begin: '<!-- begin: npm run container-check -->', end: '<!-- end -->' };

const SECCOMP = '--security-opt=seccomp=unconfined';
const PATHS = '--security-opt=systempaths=unconfined';
const ADMIN = ['--cap-add=SYS_ADMIN', '--cap-add=NET_ADMIN'];

/** @type {{ user: 'node' | 'root', flags: string[], command: string, expect: RegExp }[]} */
const CASES = [
  { user: 'node', flags: [], command: 'run close-wait', expect: /status 3$/ },
  { user: 'root', flags: [], command: 'run close-wait', expect: /status 3$/ },
  { user: 'node', flags: [SECCOMP], command: 'run close-wait', expect: /1 of 1 proven.*status 0$/s },
  { user: 'node', flags: [SECCOMP], command: 'run', expect: /status 3$/ },
  { user: 'node', flags: [SECCOMP, PATHS], command: 'run', expect: /26 of 26 proven.*status 0$/s },
  {
    user: 'node',
    flags: ['--cap-drop=ALL', SECCOMP, PATHS],
    command: 'run',
    expect: /26 of 26 proven.*status 0$/s,
  },
  { user: 'root', flags: [...ADMIN], command: 'run close-wait', expect: /1 of 1 proven.*status 0$/s },
  { user: 'root', flags: [...ADMIN, PATHS], command: 'run', expect: /26 of 26 proven.*status 0$/s },
  { user: 'root', flags: ['--privileged'], command: 'run', expect: /26 of 26 proven.*status 0$/s },
  {
    user: 'node',
    flags: ['--cap-drop=ALL', SECCOMP, PATHS],
    command: 'PUBLISHED',
    expect: /HTTP 200.*HTTP 403.*status 0$/s,
  },
];

try {
  if (process.getuid?.() !== 0) throw new SetupError('npm run container-check must run as root');
  build(repository);
  const folder = mkdtempSync(join(tmpdir(), 'tcplab-container-check-'));
  try {
    const image = await buildImage(repository, folder);
    const size = spawnSync('du', ['-sm', image.root], { encoding: 'utf8' }).stdout.split('\t')[0];
    const rows = CASES.map((one) => {
      const text = start(image, one);
      const isExpected = one.expect.test(text);
      const options = [...(one.user === 'root' ? ['--user=root'] : []), ...one.flags].join(' ') || '(none)';
      say(`${isExpected ? 'as expected' : 'NOT as expected'}: ${options}: ${one.command}\n${text}\n`);
      if (!isExpected) process.exitCode = 1;
      return `| \`${options}\` | \`${one.command === 'PUBLISHED' ? 'ui --listen 0.0.0.0:8080' : one.command}\` | ${summary(text)} |`;
    });
    const head = '| options of `docker run` | tcplab | result |\n|---|---|---|';
    write(`${head}\n${rows.join('\n')}\n\nThe root file system has ${size} MB.`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  say(`tcplab: ${error.message}`);
  process.exitCode = 3;
}

/**
 * Runs the image's entry point once, confined.
 * @param {import('./image.mjs').Image} image
 * @param {(typeof CASES)[number]} one
 */
function start(image, { user, flags, command }) {
  const environment = {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: '/home/node',
    TERM: 'xterm',
  };
  const settings = JSON.stringify({ root: image.root, user, flags, environment });
  const published = fileURLToPath(new URL('published.sh', import.meta.url));
  const inside = [
    ...['unshare', '--mount', '--pid', '--fork', '--kill-child', '--uts', '--ipc', '--cgroup', '--'],
    ...[process.execPath, fileURLToPath(new URL('confine.mjs', import.meta.url)), settings],
    ...image.entryPoint,
  ];
  const words = command === 'PUBLISHED' ? ['sh', published, ...inside] : [...inside, ...command.split(' ')];
  const [program, ...args] = /** @type {[string, ...string[]]} */ (['unshare', '--net', '--', ...words]);
  const { stdout, stderr, status } = spawnSync(program, args, { encoding: 'utf8', timeout: 120_000 });
  return `${stdout}${stderr}`.trim().concat(`\nstatus ${status}`);
}

/** @param {string} text */
function summary(text) {
  const proven = /\d+ of \d+ proven/.exec(text)?.[0];
  const witnesses = /Two witnesses/.test(text) ? ', two witnesses' : ', three witnesses';
  const error = /^tcplab: (.*)$/m.exec(text)?.[1];
  const http = text.match(/HTTP \d+[^\n]*/g)?.join('; ');
  const status = /status \S+$/.exec(text)?.[0];
  if (http !== undefined) return `${http}; ${status}`;
  return `${proven === undefined ? error : proven + witnesses}; ${status}`;
}

/** @param {string} text goes between the marks */
function write(text) {
  const old = readFileSync(page, 'utf8');
  const [from, to] = [old.indexOf(MARKS.begin), old.indexOf(MARKS.end)];
  if (from < 0 || to < from)
    throw new SetupError(`${page} has lost the marks '${MARKS.begin}' … '${MARKS.end}'`);
  writeFileSync(page, `${old.slice(0, from + MARKS.begin.length)}\n\n${text}\n\n${old.slice(to)}`);
}
