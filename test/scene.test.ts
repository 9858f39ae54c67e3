import { join } from 'node:path';
import { buildSync } from 'esbuild';
import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { viewOf } from '../src/report/pages/view.ts';
import type { View } from '../src/report/pages/view-model.ts';
import { STATES } from '../src/tcp/state.ts';
import { type Visit, visit, withChromium } from './browser.ts';
import { REPOSITORY } from './cli.ts';
import { readSavedRun, scenarioOf } from './saved-run.ts';

const WEB = join(REPOSITORY, 'dist/web');

/** A scene of a lab that goes on, alone on a page. */
async function liveScene(): Promise<Visit> {
  const there = await visit('about:blank');
  const { page } = there;
  await page.addStyleTag({ path: join(WEB, 'style.css') });
  const entryPoints = [join(REPOSITORY, 'src/web/scene.ts')];
  const { outputFiles } = buildSync({ entryPoints, bundle: true, write: false, globalName: 'module' });
  await page.evaluate(`(() => {
    ${outputFiles[0]?.text}
    globalThis.asked = [];
    globalThis.scene = module.createScene({ live: true, onState: (state) => globalThis.asked.push(state) });
    document.body.append(globalThis.scene.element);
  })()`);
  return there;
}

async function show(page: Page, view: View): Promise<void> {
  await page.evaluate(`globalThis.scene.show(${JSON.stringify(view)})`);
  await drawn(page);
}

function drawn(page: Page): Promise<unknown> {
  return page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))');
}

/** What was known of a lab at a time. */
function asOf(view: View, atMs: number): View {
  const was = <T extends { atMs: number }>(all: T[]) => all.filter((each) => each.atMs <= atMs);
  return {
    ...view,
    toMs: Math.min(view.toMs, atMs),
    hold: null,
    changes: was(view.changes),
    acts: was(view.acts),
    tables: was(view.tables),
    notes: was(view.notes),
    flights: view.flights
      .filter(({ departsMs }) => departsMs <= atMs)
      .map((flight) =>
        (flight.arrivesMs ?? 0) <= atMs ? flight : { ...flight, arrivesMs: null, ending: 'lost' },
      ),
    rules: view.rules.filter(({ setMs }) => setMs <= atMs),
  };
}

describe('the scene of a lab that goes on', () => {
  let whole: View;

  beforeAll(async () => {
    const { labs } = await readSavedRun(join(REPOSITORY, 'docs/states/recorded.ndjson'));
    const timeline = labs.find((each) => scenarioOf(each) === 'closing');
    if (!timeline) throw new Error('not in the record');
    whole = viewOf(timeline, { name: 'closing', title: '' });
  });

  const cursor = async (page: Page) => Number(await page.locator('.scene').getAttribute('data-at-ms'));

  it('follows the end, until somebody goes back, and again when they return', async (context) => {
    withChromium(context);
    await using there = await liveScene();
    const { page, complaints } = there;
    const [early, later, late] = [1, 3, 4].map((index) =>
      asOf(whole, whole.flights[index]?.departsMs ?? whole.toMs),
    );
    if (!early || !later || !late) throw new Error('no times');
    await show(page, early);
    expect(await cursor(page)).toBe(early.toMs);
    await show(page, later);
    expect(await cursor(page)).toBe(later.toMs);
    await page.locator('.scrubber input').focus();
    await page.keyboard.press('Home');
    await drawn(page);
    await show(page, late);
    expect(await cursor(page)).toBe(early.fromMs);
    await page.keyboard.press('End');
    await drawn(page);
    expect(await cursor(page)).toBe(late.toMs);
    await show(page, whole);
    expect(await cursor(page)).toBe(whole.toMs);
    expect(complaints).toEqual([]);
  });

  it('keeps focus, scroll, and what is unfolded, when more comes', async (context) => {
    withChromium(context);
    await using there = await liveScene();
    const { page } = there;
    await page.addStyleTag({ content: '.ladder .scroller { height: 200px }' });
    await show(page, asOf(whole, whole.flights[4]?.departsMs ?? 0));
    await page.locator('.rules summary').click();
    // The last is under way as yet, and drawn again when it arrives; the first stays as it is.
    const [first, last] = [
      page.locator('.item.flight .target').first(),
      page.locator('.item.flight .target').last(),
    ];
    await page.evaluate('document.querySelector(".item.flight .target").dataset.isSame = ""');
    await last.focus();
    await page.evaluate('document.querySelector(".scroller").scrollTop = 30');
    await drawn(page);
    const focused = () => page.evaluate('document.activeElement.getAttribute("aria-label")');
    expect(await focused()).toContain('F. seq 1 ack 1; lost');
    await show(page, whole);
    expect(await focused()).toContain('F. seq 1 ack 1; delivered');
    expect(await first.getAttribute('data-is-same')).toBe('');
    expect(await page.evaluate('document.querySelector(".scroller").scrollTop')).toBe(30);
    expect(await page.locator('.rules details[open]').count()).toBe(1);
  });

  it('scrolls on with the end while nobody has scrolled back', async (context) => {
    withChromium(context);
    await using there = await liveScene();
    const { page } = there;
    await page.addStyleTag({ content: '.ladder .scroller { height: 200px }' });
    const bottom = `(() => {
      const { scrollHeight, scrollTop, clientHeight } = document.querySelector('.scroller');
      return scrollHeight - scrollTop - clientHeight;
    })()`;
    for (const index of [2, 4, 6]) {
      await show(page, asOf(whole, whole.flights[index]?.departsMs ?? whole.toMs));
      expect(await page.evaluate(bottom)).toBeLessThan(60);
    }
  });

  it('asks for a state that is clicked or chosen by a key', async (context) => {
    withChromium(context);
    await using there = await liveScene();
    const { page } = there;
    await show(page, whole);
    for (const state of STATES) await page.locator(`[data-state="${state}"]`).click();
    await page.locator('[data-state="TIME-WAIT"]').focus();
    await page.keyboard.press('Enter');
    await page.keyboard.press(' ');
    expect(await page.evaluate('globalThis.asked')).toEqual([...STATES, 'TIME-WAIT', 'TIME-WAIT']);
    expect(await page.getByRole('button', { name: /^CLOSING, client here$/ }).count()).toBe(1);
  });

  it('moves to the time that seek() gets', async (context) => {
    withChromium(context);
    await using there = await liveScene();
    const { page } = there;
    await show(page, whole);
    const fin = whole.flights.find(({ flags }) => flags === 'F.');
    await page.evaluate(`globalThis.scene.seek(${fin?.departsMs})`);
    await drawn(page);
    expect(await cursor(page)).toBe(fin?.departsMs);
  });
});
