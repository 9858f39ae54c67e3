import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

/** What the benchmarks of pages share: a real browser, and what is measured in it, by its own clock. */

export const SCRUBBED_EVENTS = 10_000;
/** A frame that takes longer is seen as a jerk. */
export const FRAME_TARGET_MS = 100;
const FRAMES = 240;

/** Where the cursor goes, frame after frame: as a hand draws it, in leaps, anywhere. */
const WAYS = {
  onward: '(max / 2 + frame * 3) % max',
  leaping: '(frame * 997) % max',
  random: 'Math.random() * max',
};

export function openBrowser() {
  const { stdout } = spawnSync('sh', ['-c', 'command -v chromium || command -v chromium-browser'], {
    encoding: 'utf8',
  });
  if (stdout.trim() === '') throw new Error('there is no chromium here');
  return chromium.launch({ executablePath: stdout.trim(), args: ['--no-sandbox', '--disable-gpu'] });
}

/**
 * Scrubs the scene of a page in each way, and prints the gaps between frames.
 * @param {import('playwright-core').Page} page
 * @param {string} what it is called in the result
 * @returns {Promise<boolean>} whether no frame took too long
 */
export async function benchScrubbing(page, what) {
  const gaps = [];
  for (const [way, step] of Object.entries(WAYS)) {
    const { median, worst } = await page.evaluate(scrub(step));
    process.stdout.write(`    ${way}: median ${median.toFixed(1)} ms, worst ${worst.toFixed(1)} ms\n`);
    gaps.push(worst);
  }
  return verdict(
    `scrubbing ${what}: the worst of ${gaps.length * FRAMES} frames`,
    Math.max(...gaps),
    FRAME_TARGET_MS,
  );
}

/** @param {string} step */
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

/**
 * @param {string} what
 * @param {number} ms
 * @param {number} targetMs
 */
export function verdict(what, ms, targetMs) {
  const isMet = ms < targetMs;
  process.stdout.write(
    `${isMet ? 'met   ' : 'MISSED'}  ${what}: ${ms.toFixed(1)} ms, target < ${targetMs} ms\n`,
  );
  return isMet;
}

/** How busy the machine is: above 1 the times are also those of others. */
export function sayLoad() {
  const load = readFileSync('/proc/loadavg', 'utf8').split(' ')[0];
  process.stdout.write(`load ${load} at the start\n`);
}

/** @param {string} path */
export const fromRoot = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
