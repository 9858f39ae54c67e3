// How smoothly a report of ten thousand segments is scrubbed: the gaps between frames, in a real browser.
// After `npm run build`: node bench/report-frames.mjs
import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';

const root = fileURLToPath(new URL('..', import.meta.url));
const load = (path) => import(join(root, 'dist', path));
const [{ readTimeline }, { Timeline }, { viewOf }, { formatHtml }] = await Promise.all([
  load('report/timeline-file/read.js'),
  load('evidence/timeline.js'),
  load('report/view/view.js'),
  load('report/html/html.js'),
]);
const SEGMENTS = 10_000;
const FRAMES = 240;

const view = lengthened(await recorded('closing'));
const page = {
  title: 'long',
  facts: [],
  overview: { heads: [], rows: [] },
  labs: [{ view, sections: [], programs: [], pcapng: null }],
};
const folder = mkdtempSync(join(tmpdir(), 'tcplab-bench-'));
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
try {
  const file = join(folder, 'long.html');
  writeFileSync(file, formatHtml(page));
  const tab = await browser.newPage({ viewport: { width: 1200, height: 900 } });
  await tab.goto(pathToFileURL(file).href);
  await tab.locator('.scene[data-at-ms]').waitFor();
  const ways = {
    onward: 'max / 2 + frame * 3',
    leaping: '(frame * 997) % max',
    random: 'Math.random() * max',
  };
  for (const [way, step] of Object.entries(ways)) {
    const { median, worst } = await tab.evaluate(scrub(step));
    console.log(`${way}: median ${median.toFixed(1)} ms, worst ${worst.toFixed(1)} ms of ${FRAMES} frames`);
  }
} finally {
  await browser.close();
  rmSync(folder, { recursive: true });
}

function scrub(step) {
  return `new Promise((done) => {
    const range = document.querySelector('.scrubber input');
    const max = Number(range.max);
    const gaps = [];
    let last;
    let frame = 0;
    requestAnimationFrame(function next(now) {
      if (last !== undefined) gaps.push(now - last);
      last = now;
      if (++frame > ${FRAMES}) {
        gaps.sort((a, b) => a - b);
        return done({ median: gaps[gaps.length >> 1], worst: gaps.at(-1) });
      }
      range.value = Math.floor(${step});
      range.dispatchEvent(new Event('input', { bubbles: true }));
      requestAnimationFrame(next);
    });
  })`;
}

async function recorded(scenario) {
  const file = join(root, 'docs/states/recorded.ndjson');
  for await (const piece of readTimeline(createReadStream(file), file)) {
    if (!(piece instanceof Timeline) || piece.of('claimed')[0]?.scenario !== scenario) continue;
    return viewOf(piece, { name: scenario, title: '' });
  }
  throw new Error(`no ${scenario} in the record`);
}

/** Segments again and again, some of them crossing, with calls, changes and tables among them. */
function lengthened(view) {
  const pattern = view.flights.find(({ flags }) => flags === '.');
  for (let index = 0; index < SEGMENTS; index++) {
    const atMs = view.toMs + index * 2;
    const from = index % 2 === 0 ? 'client' : 'server';
    const arrivesMs = atMs + (index % 7 === 0 ? 7 : 1);
    view.flights.push({ ...pattern, from, departsMs: atMs, arrivesMs, label: `. seq ${index} ack 1` });
    if (index % 4 !== 0) continue;
    const [one, other] = index % 8 === 0 ? ['CLOSED', 'LISTEN'] : ['LISTEN', 'CLOSED'];
    view.changes.push({ ...view.changes[0], atMs, host: 'server', from: one, to: other });
    view.acts.push({ atMs, host: 'client', text: 'send(10)' });
    view.tables.push({ ...view.tables.at(-1), atMs });
  }
  view.toMs += SEGMENTS * 2 + 10;
  return view;
}
