// How smoothly a report of ten thousand segments is scrubbed: the gaps between frames, in a real browser.
// `npm run bench:report-frames`; exit status 1 when a frame took too long.
import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { benchScrubbing, fromRoot, openBrowser, SCRUBBED_EVENTS, sayLoad } from './pages.mjs';

const load = (path) => import(fromRoot(`build/${path}`));
const [{ readTimeline }, { Timeline }, { viewOf }, { formatHtml }] = await Promise.all([
  load('report/files/timeline/read.js'),
  load('evidence/timeline.js'),
  load('report/pages/view.js'),
  load('report/pages/html.js'),
]);

const view = lengthened(await recorded('closing'));
const page = {
  title: 'long',
  facts: [],
  overview: { heads: [], rows: [] },
  labs: [{ view, sections: [], programs: [], pcapng: null }],
};
const folder = mkdtempSync(join(tmpdir(), 'tcplab-bench-'));
const browser = await openBrowser();
try {
  sayLoad();
  const file = join(folder, 'long.html');
  writeFileSync(file, formatHtml(page));
  const tab = await browser.newPage({ viewport: { width: 1200, height: 900 } });
  await tab.goto(pathToFileURL(file).href);
  await tab.locator('.scene[data-at-ms]').waitFor();
  process.exitCode = (await benchScrubbing(tab, `a report of ${view.flights.length} segments`)) ? 0 : 1;
} finally {
  await browser.close();
  rmSync(folder, { recursive: true });
}

async function recorded(scenario) {
  const file = fromRoot('docs/states/recorded.ndjson');
  for await (const piece of readTimeline(createReadStream(file), file)) {
    if (!(piece instanceof Timeline) || piece.of('claimed')[0]?.scenario !== scenario) continue;
    return viewOf(piece, { name: scenario, title: '' });
  }
  throw new Error(`no ${scenario} in the record`);
}

/** Many repeated segments, some of them crossing, with calls, changes and tables in between. */
function lengthened(view) {
  const pattern = view.flights.find(({ flags }) => flags === '.');
  for (let index = 0; index < SCRUBBED_EVENTS; index++) {
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
  view.toMs += SCRUBBED_EVENTS * 2 + 10;
  return view;
}
