#!/usr/bin/env node
// The pictures of pages under docs/images: from a real run, in a real browser. Needs what `npm test` needs.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import { build } from './build.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const images = join(root, 'docs/images');
/** The scenario in which both ends go ways of their own. */
const SCENARIO = 'closing';

const tcplab = (/** @type {string[]} */ ...args) => {
  const { status } = spawnSync(process.execPath, [join(root, 'dist/cli/main.js'), ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status !== 0) throw new Error(`tcplab ${args.join(' ')}: exit status ${status}`);
};

build(root);
mkdirSync(images, { recursive: true });
const folder = mkdtempSync(join(tmpdir(), 'tcplab-screenshots-'));
const command = spawnSync('sh', ['-c', 'command -v chromium || command -v chromium-browser'], {
  encoding: 'utf8',
});
const browser = await chromium.launch({ executablePath: command.stdout.trim(), args: ['--no-sandbox'] });
try {
  const [timeline, report] = [join(folder, 'run.ndjson'), join(folder, 'report.html')];
  tcplab('run', SCENARIO, '--timeline', timeline);
  // Whose build of the kernel it was is nobody's business.
  writeFileSync(timeline, readFileSync(timeline, 'utf8').replace(/("kernel":"[\d.]+)[^"]*"/, '$1"'));
  tcplab('replay', timeline, '--report', report);
  const page = await browser.newPage({ viewport: { width: 1200, height: 1080 }, deviceScaleFactor: 1 });
  await page.goto(pathToFileURL(report).href);
  await page.locator('.scene[data-at-ms]').waitFor();
  await page.screenshot({ path: join(images, 'report.png') });
  await livePage();
} finally {
  await browser.close();
  rmSync(folder, { recursive: true });
}

/** The live page, when the kernel was taken to a state by a click. */
async function livePage() {
  const ui = spawn(process.execPath, [join(root, 'dist/cli/main.js'), 'ui'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const url = await new Promise((resolve) => {
      let said = '';
      ui.stdout.setEncoding('utf8').on('data', (text) => {
        said += text;
        const found = /http:\/\/\S+/.exec(said)?.[0];
        if (found) resolve(found);
      });
    });
    const page = await browser.newPage({ viewport: { width: 1200, height: 1080 }, deviceScaleFactor: 1 });
    await page.goto(url);
    await page.locator('[data-state="FIN-WAIT-1"]').click();
    await page.locator('.node[data-state="FIN-WAIT-1"].has-client').waitFor();
    await page.screenshot({ path: join(images, 'ui.png') });
  } finally {
    ui.kill('SIGINT');
  }
}
