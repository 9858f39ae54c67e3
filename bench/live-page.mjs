// The live page in a real browser: from a click in the diagram to the state on the page, and how smoothly it is scrubbed
// when ten thousand events are on it. `npm run bench:live-page`; exit status 1 when a target was missed.
import { spawn } from 'node:child_process';
import { median } from './measure.mjs';
import {
  benchScrubbing,
  FRAME_TARGET_MS,
  fromRoot,
  openBrowser,
  SCRUBBED_EVENTS,
  sayLoad,
  verdict,
} from './pages.mjs';

const { STATES } = await import(fromRoot('build/tcp/state.js'));
const ROUNDS = 5;
const NEWS = 10;
const CLICK_TARGET_MS = 100;

const browser = await openBrowser();
const ui = spawn(process.execPath, [fromRoot('dist/cli/main.js'), 'ui', '--allow-programs'], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
try {
  const url = await urlOf(ui);
  sayLoad();
  const page = await browser.newPage({ viewport: { width: 1200, height: 900 } });
  await page.goto(url);
  await page.locator('.node').first().waitFor();
  const met = [await benchClicks(page)];
  await fill(page);
  met.push(await benchScrubbing(page, 'the live page'), await benchNews(page));
  process.exitCode = met.every(Boolean) ? 0 : 1;
} finally {
  await browser.close();
  ui.kill('SIGINT');
}

/** @param {import('node:child_process').ChildProcess} child */
function urlOf(child) {
  return new Promise((resolve, reject) => {
    let said = '';
    child.once('close', () => reject(new Error('tcplab ui has ended')));
    child.stdout?.setEncoding('utf8').on('data', (text) => {
      said += text;
      const url = /http:\/\/\S+/.exec(said)?.[0];
      if (url) resolve(url);
    });
  });
}

/**
 * Each state several times; once before, for the code that has to be compiled.
 * @param {import('playwright-core').Page} page
 */
async function benchClicks(page) {
  const tookMs = [];
  for (let round = 0; round <= ROUNDS; round++) {
    for (const state of STATES) {
      const ms = await page.evaluate(click(state));
      if (round > 0) tookMs.push(ms);
    }
  }
  process.stdout.write(`    ${tookMs.length} clicks, the slowest ${Math.max(...tookMs).toFixed(1)} ms\n`);
  return verdict('from a click to the state on the page: the median', median(tookMs), CLICK_TARGET_MS);
}

/** Until the diagram shows an end of a fresh lab in that state. */
function click(state) {
  return `new Promise((done, fail) => {
    const main = document.getElementById('live');
    const before = main.dataset.lab;
    const since = performance.now();
    const look = () => {
      const shown = [...document.querySelectorAll('.node.has-client, .node.has-server')];
      const isFresh = main.dataset.lab !== undefined && main.dataset.lab !== before;
      if (isFresh && shown.some((node) => node.dataset.state === '${state}')) done(performance.now() - since);
      else if (performance.now() - since > 20000) fail(new Error('not shown: ${state}'));
      else requestAnimationFrame(look);
    };
    document.querySelector('.node[data-state="${state}"]').dispatchEvent(new MouseEvent('click', { bubbles: true }));
    look();
  })`;
}

/**
 * Starts two programs from the page, which exchange single bytes.
 * @param {import('playwright-core').Page} page
 */
async function fill(page) {
  await page.evaluate(click('LISTEN'));
  const node = (/** @type {string} */ program) => `'${process.execPath}' -e "${program}"`;
  const run = async (/** @type {string} */ host, /** @type {string} */ command) => {
    await page.getByLabel('On').last().selectOption(host);
    await page.getByRole('textbox', { name: 'command' }).fill(command);
    await page.getByRole('button', { name: 'Run', exact: true }).click();
  };
  await run('server', node("require('net').createServer((s) => s.setNoDelay().pipe(s)).listen(8080)"));
  const talk = `let left = ${SCRUBBED_EVENTS / 2}; const say = () => left-- > 0 && s.write('x'); s.setNoDelay().on('data', say); say()`;
  // Until the other listens.
  const connect = `(function again() { const s = require('net').connect(8080, '192.168.2.11', () => { ${talk} }); s.on('error', () => setTimeout(again, 100)) })()`;
  await run('client', node(connect));
  const steps = await page.evaluate(`new Promise((done, fail) => {
    const since = performance.now();
    const timer = setInterval(() => {
      const steps = Number(document.querySelector('.scrubber input').max);
      // A step when each leaves, and one when it arrives.
      if (steps >= ${2 * SCRUBBED_EVENTS}) done(steps);
      else if (performance.now() - since > 60000) fail(new Error('only ' + steps + ' steps after a minute'));
      else return;
      clearInterval(timer);
    }, 100);
  })`);
  process.stdout.write(`    ${SCRUBBED_EVENTS} segments, in ${steps} steps\n`);
}

/**
 * Measures updates of a large lab: all of it is sent, laid out and drawn again.
 * @param {import('playwright-core').Page} page
 */
async function benchNews(page) {
  const gaps = await page.evaluate(`new Promise((done) => {
    const gaps = [];
    const news = ${NEWS};
    const main = document.getElementById('live');
    const connect = [...document.querySelectorAll('button')].find((one) => one.textContent === 'New connection');
    let [last, revision, count] = [undefined, undefined, 0];
    requestAnimationFrame(function next(now) {
      if (last !== undefined) gaps.push(now - last);
      last = now;
      if (main.dataset.revision !== revision) {
        revision = main.dataset.revision;
        if (count++ === news) return done(gaps);
        connect.click();
      }
      requestAnimationFrame(next);
    });
  })`);
  process.stdout.write(`    ${NEWS} acts, frames: median ${median(gaps).toFixed(1)} ms\n`);
  return verdict(`news on it: the worst of ${gaps.length} frames`, Math.max(...gaps), FRAME_TARGET_MS);
}
