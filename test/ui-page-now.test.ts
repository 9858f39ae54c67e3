import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { setLoopbackUp } from '../src/kernel/rtnetlink.ts';
import type { UiServer } from '../src/ui/server.ts';
import { violations, visit, withChromium } from './browser.ts';
import { eventually, IS_ROOT } from './cli.ts';
import { clickState, messageOf, openPage, press, startUi } from './live-page.ts';

/** The live page of the present: where both ends are, what the witnesses say of that, its end, and the next things to try. */

beforeAll(() => {
  if (!IS_ROOT) setLoopbackUp();
});

beforeEach(withChromium);

describe('the live page, of the present', () => {
  let ui: UiServer;
  beforeAll(async () => {
    ui = await startUi();
  });
  afterAll(() => ui[Symbol.asyncDispose]());
  beforeEach(async () => {
    for (const id of ui.labs.ids) await ui.labs.end(id);
  });

  it('begins with a connection that is there, plays how it came about, and says what to try', async () => {
    await using there = await visit(ui.url);
    const { page } = there;
    await page.locator('#live[data-client="ESTABLISHED"][data-server="ESTABLISHED"]').waitFor();
    await page.getByText(/^This connection is real/).waitFor();
    // From its beginning to its end, by itself.
    const range = page.getByRole('slider', { name: 'time' });
    const place = async () => Number(await range.inputValue());
    const end = Number(await range.getAttribute('max'));
    expect(await place()).toBeLessThan(end);
    await eventually(
      'the end',
      async () => (await place()) === Number(await range.getAttribute('max')),
      20_000,
    );
    expect(await page.locator('.tries button').count()).toBeGreaterThanOrEqual(3);
    await press(page, 'Drop FINs on their way to the server');
    await press(page, 'Close the client’s end');
    await page.locator('#live[data-client="FIN-WAIT-1"]').waitFor();
    await page.getByText(/client FIN-WAIT-1 → FIN-WAIT-2/).waitFor();
    await press(page, 'Remove rule 1');
    await page.locator('#live[data-client="FIN-WAIT-2"][data-server="CLOSE-WAIT"]').waitFor();
  });

  it('shows what each witness sees of a state that one went to by oneself', async () => {
    await using there = await openPage(ui);
    const { page } = there;
    await clickState(page, 'FIN-WAIT-2');
    await press(page, 'Close: server, socket 2');
    await page.locator('#live[data-client="TIME-WAIT"]').waitFor();
    await page.locator('.held:not(.reached)').waitFor({ state: 'attached' });
    await page.getByText(/^TIME-WAIT for [\d.]+ m?s ✓ proven$/).waitFor();
    const rows = () => page.locator('.witnesses tbody tr').allTextContents();
    const [tables, packets] = ['clientsocket-tableTIME-WAIT✓ agrees', 'clientpacketsTIME-WAIT✓ agrees'];
    await eventually('both witnesses of the client', async () => {
      const all = await rows();
      return all.includes(tables) && all.includes(packets);
    });
    const { connections } = await messageOf(ui, page);
    expect(connections[0]?.ends.map(({ host, state, word }) => [host, state, word])).toEqual([
      ['client', 'TIME-WAIT', 'proven'],
      ['server', 'CLOSED', 'proven'],
    ]);
  });

  it('fits a phone: nothing is wider than it, and the actions come before the tables', async () => {
    await using there = await openPage(ui, { width: 390, height: 844 });
    const { page } = there;
    await clickState(page, 'FIN-WAIT-1');
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(390);
    const top = async (selector: string) => (await page.locator(selector).first().boundingBox())?.y ?? -1;
    const [ladder, acts, sockets] = [await top('.of-ladder'), await top('.tries'), await top('.of-tables')];
    expect(ladder).toBeLessThan(844);
    expect(acts).toBeLessThan(2 * 844);
    expect(sockets).toBeGreaterThan(acts);
    expect(await page.locator('.sockets tbody td[data-name="Timer"]').first().isVisible()).toBe(true);
    expect(await violations(page)).toEqual([]);
  });
});
