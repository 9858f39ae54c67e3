#!/usr/bin/env node
'use strict';
// Starts one of the two bundles, each a whole tcplab: the one that only prints texts is small, and so is there sooner.
const TEXTS = [undefined, '-h', '--help', '-V', '--version', 'list', 'explain'];

require(TEXTS.includes(process.argv[2]) ? './texts.cjs' : './labs.cjs');
