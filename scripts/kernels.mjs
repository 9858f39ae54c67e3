#!/usr/bin/env node
// Generates docs/kernels.md: all scenarios and arcs between two virtual machines with Debian's kernel 6.1, the same on this
// machine, and what differs. Needs root on Debian, and takes some minutes. Exits with 1 if the machines did not prove everything.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from './build.mjs';
import { here, lookAt, onMachines } from './kernels/look.mjs';
import { section, unprovenOf } from './kernels/page.mjs';
import { SetupError, say } from './setup/say.mjs';
import { startVirtualMachines } from './virtual-machines/start.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const page = join(root, 'docs/kernels.md');
const MARKS = { begin: '<!-- begin: npm run kernels -->', end: '<!-- end -->' };

try {
  build(root);
  const ours = await lookAt(here());
  const machines = await startVirtualMachines();
  try {
    const theirs = await lookAt(onMachines(machines));
    write(section(theirs, ours));
    const unproven = unprovenOf(theirs);
    for (const line of unproven) say(`not proven with Linux ${theirs.kernel}: ${line}`);
    process.exitCode = unproven.length === 0 ? 0 : 1;
  } finally {
    await machines.end();
  }
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  say(`tcplab: ${error.message}`);
  process.exitCode = 3;
}

/** @param {string} text goes between the marks; the text around them has no generator */
function write(text) {
  const old = readFileSync(page, 'utf8');
  const [from, to] = [old.indexOf(MARKS.begin), old.indexOf(MARKS.end)];
  if (from < 0 || to < from)
    throw new SetupError(`${page} has lost the marks '${MARKS.begin}' … '${MARKS.end}'`);
  writeFileSync(page, `${old.slice(0, from + MARKS.begin.length)}\n\n${text}\n${old.slice(to)}`);
}
