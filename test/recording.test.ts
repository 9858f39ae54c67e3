import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { visit, withChromium } from './browser.ts';
import { REPOSITORY, temporaryFolder } from './cli.ts';

interface Frame {
  atMs: number;
  rows: string[];
}
interface Run {
  column: number;
  text: string;
  look: string;
}

// By a variable: the scripts are plain JavaScript, without types.
const script = (name: string) => join(REPOSITORY, 'scripts/recording', name);
const { svgOf } = (await import(script('svg.mjs'))) as {
  svgOf: (frames: Frame[], about: { columns: number; rows: number; title: string }) => string;
};
const { runsOf } = (await import(script('cells.mjs'))) as { runsOf: (row: string) => Run[] };

const FRAMES = [
  { atMs: 500, rows: ['$ tcplab run', ''] },
  { atMs: 1500, rows: ['$ tcplab run', '\x1b[32mproven\x1b[39m  a<b & c'] },
  { atMs: 2500, rows: ['$ tcplab run', '\x1b[1mdone\x1b[0m'] },
];

describe('a row of the recorded terminal', () => {
  it('keeps the column and the look of each piece', () => {
    expect(runsOf('  \x1b[1m\x1b[32mok\x1b[0m  → two words')).toEqual([
      { column: 2, text: 'ok', look: 'bold green' },
      { column: 6, text: '→ two words', look: '' },
    ]);
  });

  it('rejects a look that the picture can not show', () => {
    expect(() => runsOf('\x1b[7minverse')).toThrow('escape code 7');
  });
});

describe('the picture of a recording', () => {
  const svg = svgOf(FRAMES, { columns: 40, rows: 2, title: 'a <b> test' });

  it('shows each row at the time at which the terminal showed it', async (context) => {
    withChromium(context);
    const file = join(temporaryFolder(), 'recording.svg');
    writeFileSync(file, svg);
    await using seen = await visit(pathToFileURL(file).href);
    const shownAt = (ms: number) =>
      seen.page.evaluate(`{
        for (const animation of document.getAnimations()) {
          animation.pause();
          animation.currentTime = ${ms};
        }
        const visible = (text) => getComputedStyle(text).visibility === 'visible';
        [...document.querySelectorAll('text')].filter(visible).map(({ textContent }) => textContent);
      }`);
    expect(await shownAt(500)).toEqual(['$ tcplab run']);
    expect(await shownAt(1500)).toEqual(['$ tcplab run', 'proven', 'a<b & c']);
    expect(await shownAt(2500)).toEqual(['$ tcplab run', 'done']);
    expect(seen.complaints).toEqual([]);
  });

  it.each([
    ['a drawn one', svg],
    ['the one of the README', readFileSync(join(REPOSITORY, 'docs/images/recording.svg'), 'utf8')],
  ])('is small, loads nothing, and fits light, dark and reduced motion: %s', (_which, text) => {
    expect(text.length).toBeLessThan(100_000);
    expect(text.replace('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:|url\(|href|@import|<script/);
    expect(text).toContain('@media (prefers-color-scheme:dark)');
    expect(text).toContain('@media (prefers-reduced-motion:reduce)');
    expect(text).toMatch(/<title id="t">[^<]+<\/title>/);
  });

  it('of the README ends with a proof', () => {
    const text = readFileSync(join(REPOSITORY, 'docs/images/recording.svg'), 'utf8');
    expect(text).toMatch(/class="f\d+ end">.*3 of 3 proven/);
    expect(text).toMatch(/class="f\d+ end">.*proven, held for/);
  });
});
