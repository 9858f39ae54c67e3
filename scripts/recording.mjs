#!/usr/bin/env node
// Makes docs/images/recording.svg: runs tcplab in a real terminal (tmux) and draws its screen as an animated SVG. Needs root, so
// that all three witnesses are available, and tmux.
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from './build.mjs';
import { svgOf } from './recording/svg.mjs';
import { Terminal } from './recording/terminal.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const SIZE = { columns: 80, rows: 28 };
const TITLE =
  'A terminal: tcplab run proves FIN-WAIT-1, CLOSE-WAIT and TIME-WAIT; then tcplab hold keeps a connection in SYN-SENT and shows each SYN and the running timer until Ctrl-C';

build(root);
const path = mkdtempSync(join(tmpdir(), 'tcplab-recording-path-'));
symlinkSync(join(root, 'dist/cli/main.js'), join(path, 'tcplab'));
const terminal = new Terminal({ ...SIZE, path });
try {
  await terminal.until(/^\$/gm);
  await terminal.watch(500);
  await terminal.type('tcplab run fin-wait-1 close-wait time-wait');
  await terminal.until(/3 of 3 proven/g);
  await terminal.watch(2500);
  await terminal.type('tcplab hold syn-sent');
  // The first SYN and three retransmissions: the timer can be seen to run.
  await terminal.until(/client → server/g, 4);
  await terminal.watch(600);
  terminal.press('C-c');
  await terminal.until(/proven, held for/g);
  await terminal.watch(200);
  writeFileSync(join(root, 'docs/images/recording.svg'), svgOf(terminal.frames, { ...SIZE, title: TITLE }));
} finally {
  terminal.end();
  rmSync(path, { recursive: true });
}
