#!/usr/bin/env node
'use strict';
// Starts one of the two bundles, each a whole tcplab: the one that only prints texts is small, and so is there sooner.
const TEXTS = [undefined, '-h', '--help', '-V', '--version', 'list', 'explain'];

/** The structures that tcplab shares with the kernel are laid out for 64 bits, little-endian; registers.ts has these two. */
const PROCESSORS = ['x64', 'arm64'];

keepCompiled();
const isText = TEXTS.includes(process.argv[2]);
if (isText || PROCESSORS.includes(process.arch)) require(isText ? './texts.cjs' : './labs.cjs');
else refuse();

function refuse() {
  process.stderr.write(
    `tcplab: this machine's processor is ${process.arch}, and tcplab runs on ${PROCESSORS.join(' and ')} only\n` +
      '  `tcplab list`, `tcplab explain` and --help work everywhere\n',
  );
  process.exitCode = 3;
}

/**
 * Caches the compiled code, which saves a tenth of a run's time (Node 22.8 and later). Not in Node's default folder: it is in
 * /tmp, where another user could plant code that root then runs. Nor in another user's home, such as that of sudo's caller.
 * Node would try forever to make the folder where that is impossible, such as below /proc.
 */
function keepCompiled() {
  const { enableCompileCache } = require('node:module');
  const { HOME: home, XDG_CACHE_HOME: caches } = process.env;
  if (!enableCompileCache || !(caches || home)) return;
  const { existsSync, mkdirSync, statSync } = require('node:fs');
  const cache = caches || `${home}/.cache`;
  try {
    if (statSync(caches || home).uid !== process.getuid()) return;
    for (const folder of [cache, `${cache}/tcplab`]) if (!existsSync(folder)) mkdirSync(folder, 0o700);
    enableCompileCache(`${cache}/tcplab`);
  } catch {
    // Nowhere to keep it.
  }
}
