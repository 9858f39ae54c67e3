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
    await page.getByText(/^TIME-WAIT, [\d.]+ m?s ✓ proven$/).waitFor();
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

  it('opens a segment: its fields, their meanings and its bytes, with the mouse and the keyboard', async () => {
    await using there = await openPage(ui, { width: 1280, height: 600 });
    const { page } = there;
    await clickState(page, 'ESTABLISHED');
    const arrow = (name: RegExp) => page.getByRole('button', { name }).first();
    await arrow(/client → server: S seq 0/).press('Enter');
    const inspector = page.locator('.inspector');
    const value = async (name: string) => {
      const row = inspector.locator('tr').filter({ has: page.getByRole('button', { name, exact: true }) });
      return (await row.locator('td').textContent()) ?? '';
    };
    expect(await value('flags')).toMatch(/^0x\w\w \(.*SYN.*\)$/);
    expect(await value('sequence number')).toMatch(/^\d+, 0 from the first of its sender$/);
    expect(await value('maximum segment size')).toBe('1460 bytes');
    expect(await value('window')).toMatch(/, never scaled in a SYN$/);
    expect(await inspector.locator('ul').textContent()).toContain(
      'As it was sent, the client went from CLOSED to SYN-SENT: connect (transition 2',
    );
    const scale = Number(/^\d+/.exec(await value('window scale'))?.[0]);
    // The field lights its bytes, and a byte its field.
    await inspector.getByRole('button', { name: 'destination port' }).focus();
    expect(await inspector.locator('pre .lit').allTextContents()).toEqual(['00', '50']);
    const syn = (await messageOf(ui, page)).view.flights[0]?.bytes ?? '';
    const dump = (await inspector.locator('pre span').allTextContents()).join('');
    expect(dump).toBe(Buffer.from(syn, 'base64').toString('hex'));
    await inspector.locator('pre span').nth(8).click();
    expect(await inspector.locator('tr.lit th').textContent()).toBe('time to live');
    expect(await violations(page)).toEqual([]);
    await page.keyboard.press('Escape');
    expect(await inspector.isVisible()).toBe(false);
    expect(await page.evaluate('document.activeElement.getAttribute("aria-label")')).toContain('S seq 0');
    // Scaled by what its sender's SYN said.
    await arrow(/client → server: P\. seq 1 ack 1 length 4/).dispatchEvent('click');
    const [, raw, shift, bytes] = /^(\d+), × (\d+) = (\d+) bytes$/.exec(await value('window')) ?? [];
    expect(Number(shift)).toBe(2 ** scale);
    expect(Number(bytes)).toBe(Number(raw) * 2 ** scale);
    expect(await value('data')).toBe('ping');
  });

  it('shows a new connection, and each of several when it is chosen, with its own states and verdicts', async () => {
    await using there = await openPage(ui, { width: 1280, height: 720 });
    const { page } = there;
    await clickState(page, 'CLOSE-WAIT');
    expect(await page.locator('.switch').isVisible()).toBe(false);
    await press(page, 'New connection');
    await page.locator('#live[data-client="ESTABLISHED"][data-server="ESTABLISHED"]').waitFor();
    const [first, second] = (await messageOf(ui, page)).connections;
    const port = (one = '') => one.slice(one.lastIndexOf(':'));
    const choice = (one: typeof first) =>
      page.locator('.switch').getByRole('button', { name: new RegExp(`^${port(one?.client)} `) });
    expect(await choice(second).getAttribute('aria-pressed')).toBe('true');
    await eventually(
      'both ends',
      async () => (await page.getByText(/^ESTABLISHED, .* ✓ proven$/).count()) === 2,
    );
    // Nothing was claimed of this one, and its own segments are in the foreground.
    expect(await page.locator('.verdict').textContent()).toBe('');
    const labels = (kind: string) => page.locator(`.item.flight${kind} .label`).allTextContents();
    expect((await labels(':not(.other)')).every((label) => label.startsWith(port(second?.client)))).toBe(
      true,
    );
    await choice(first).click();
    await page.locator('#live[data-client="FIN-WAIT-2"][data-server="CLOSE-WAIT"]').waitFor();
    await page.getByText(/^CLOSE-WAIT was held for .* · proven$/).waitFor();
    await eventually('the other in the background', async () =>
      (await labels('.other')).every((label) => label.startsWith(port(second?.client))),
    );
    expect((await labels('.other')).length).toBeGreaterThan(0);
  });

  it('presents: large type, all in view, the actions laid over it; and shows its keys', async () => {
    await using there = await openPage(ui, { width: 1280, height: 720 });
    const { page } = there;
    await clickState(page, 'FIN-WAIT-1');
    await page.keyboard.press('p');
    const root = page.locator('html.presents');
    await root.waitFor();
    await page.locator('.ladder .at').last().waitFor();
    // Drawn sizes: of the ladder's rows, of the line below it, and of the verdict.
    const sizes = await page.evaluate<
      number[]
    >(`['.ladder .label', '.ladder .at', '.verdict', '.details-of-one']
      .map((one) => [...document.querySelectorAll(one)].at(-1))
      .map((node) => parseFloat(getComputedStyle(node).fontSize) * (node.currentCSSZoom ?? 1.7))`);
    for (const size of sizes) expect(size).toBeGreaterThanOrEqual(19.5);
    const isInView = async (selector: string) => {
      const box = await page.locator(selector).last().boundingBox();
      return box !== null && box.y >= 0 && box.y + box.height <= 721 && box.x + box.width <= 1281;
    };
    for (const part of ['.node[data-state="TIME-WAIT"]', '.node[data-state="CLOSED"]', '.verdict', '.key'])
      await eventually(`${part} in view`, () => isInView(part));
    await eventually('the newest row', () => isInView('.item.flight .label'));
    expect(await page.locator('.panel').isVisible()).toBe(false);
    expect(await violations(page)).toEqual([]);
    await page.keyboard.press('a');
    await page.locator('.panel').waitFor();
    expect(await page.evaluate("document.activeElement.closest('.panel') !== null")).toBe(true);
    await page.keyboard.press('a');
    await page.keyboard.press('p');
    await page.locator('html:not(.presents)').waitFor({ state: 'attached' });
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keys' }).getByText('the ladder').waitFor();
    expect(await violations(page)).toEqual([]);
    await page.keyboard.press('Escape');
    await page.keyboard.press('l');
    expect(await page.evaluate('document.activeElement.className')).toBe('scroller');
    // A letter that is typed is none.
    await page.getByLabel('Bytes to send').focus();
    await page.keyboard.press('p');
    expect(await page.locator('html.presents').count()).toBe(0);
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
