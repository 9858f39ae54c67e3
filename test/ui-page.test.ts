import { text } from 'node:stream/consumers';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { HostName } from '../src/evidence/events.ts';
import { setLoopbackUp } from '../src/kernel/rtnetlink.ts';
import { CATALOGUE } from '../src/scenario/catalogue.ts';
import { STATES, type State } from '../src/tcp/state.ts';
import type { LabMessage } from '../src/ui/model.ts';
import type { UiServer } from '../src/ui/server.ts';
import { type Visit, violations, visit, withChromium } from './browser.ts';
import { eventually, IS_ROOT } from './cli.ts';
import { button, clickState, messageOf, openPage, press, startUi, stateNode } from './live-page.ts';

/** The live page in a real browser: it, the API and `ss` inside the namespaces say the same, whatever is done. */

type Sockets = Record<HostName, string[]>;

beforeAll(() => {
  if (!IS_ROOT) setLoopbackUp();
});

beforeEach(withChromium);

/** Leaves out the page's requests to its own server. */
function complaintsOf({ complaints }: Visit, ui: UiServer): string[] {
  return complaints.filter((one) => !one.startsWith(`request: http://127.0.0.1:${ui.port}/`));
}

/** Without what is only bound, or was closed and is still open: ss does not list that. */
async function onPage(page: Page): Promise<Sockets> {
  return page.evaluate<Sockets>(`(() => {
    const rows = (host) => [...document.querySelectorAll('table[data-host=' + host + '] tbody tr')]
      .map((row) => [...row.cells].slice(0, 5).map((cell) => cell.textContent).join(' '))
      .filter((row) => !row.startsWith('CLOSED ')).sort();
    return { client: rows('client'), server: rows('server') };
  })()`);
}

function ofApi({ view }: LabMessage): Sockets {
  const rows = (host: HostName) =>
    (view.tables.findLast((table) => table.host === host)?.rows ?? [])
      .filter(({ state }) => state !== 'CLOSED')
      .map(({ state, receiveQueue, sendQueue, local, remote }) =>
        [state, receiveQueue, sendQueue, local, remote].join(' '),
      )
      .sort();
  return { client: rows('client'), server: rows('server') };
}

const SS_NAMES: Record<string, State> = {
  ESTAB: 'ESTABLISHED',
  'SYN-RECV': 'SYN-RECEIVED',
};

async function output(ui: UiServer, id: string, host: HostName, ...command: [string, ...string[]]) {
  const [program, ...args] = command;
  const child = await ui.labs
    .get(id)
    .lab.host(host)
    .spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  return child.stdout ? text(child.stdout) : '';
}

async function ofSs(ui: UiServer, id: string): Promise<Sockets> {
  const rows = async (host: HostName) =>
    (await output(ui, id, host, 'ss', '-tanH'))
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((line) => {
        const [name = '', receive, send, local, remote = ''] = line.trim().split(/\s+/);
        return [SS_NAMES[name] ?? name, receive, send, local, remote.endsWith(':*') ? '*' : remote].join(' ');
      })
      .sort();
  return { client: await rows('client'), server: await rows('server') };
}

/** Waits until the page, the API and ss say the same, and it is what is meant. */
async function agreed(ui: UiServer, page: Page, isMeant: (sockets: Sockets) => boolean = () => true) {
  let said: unknown;
  return eventually(
    'page, API and ss agree',
    async () => {
      const message = await messageOf(ui, page);
      const all = [await ofSs(ui, message.id), ofApi(message), await onPage(page)] as const;
      said = all;
      const [first, ...others] = all.map((one) => JSON.stringify(one));
      return others.every((other) => other === first) && isMeant(all[0]) ? all[0] : undefined;
    },
    5000,
  ).catch((error: Error) => {
    throw new Error(`${error.message}: ${JSON.stringify(said, null, 1)}`);
  });
}

const states = (sockets: readonly string[]) => sockets.map((line) => line.split(' ')[0]);

describe('the live page', () => {
  let ui: UiServer;
  beforeAll(async () => {
    ui = await startUi();
  });
  afterAll(() => ui[Symbol.asyncDispose]());
  // A page that opens shows the newest lab that is there.
  beforeEach(async () => {
    for (const id of ui.labs.ids) await ui.labs.end(id);
  });

  it('takes a lab to each state that is clicked: page, API and ss agree', async () => {
    await using there = await openPage(ui);
    const { page } = there;
    for (const state of STATES) {
      await clickState(page, state);
      const message = await messageOf(ui, page);
      expect(message.view.held?.state).toBe(state);
      expect(message.view.verdict).toEqual({ word: 'proven', because: null });
      const host = message.view.held?.host ?? 'client';
      const sockets = await agreed(ui, page);
      if (state === 'CLOSED') expect(states(sockets[host])).not.toContain('ESTABLISHED');
      else expect(states(sockets[host])).toContain(state);
      expect(await page.locator('.verdict').textContent()).toContain('proven');
      await eventually('the one before over', () => ui.labs.count === 1);
    }
    expect(complaintsOf(there, ui)).toEqual([]);
  });

  it('says for how long a state is held, and that it was, once it is over', async () => {
    await using there = await openPage(ui);
    const { page } = there;
    await clickState(page, 'FIN-WAIT-2');
    const verdict = page.locator('.verdict');
    const heldS = async () =>
      Number(/^FIN-WAIT-2 held for ([\d.]+) s · proven$/.exec((await verdict.textContent()) ?? '')?.[1]);
    await eventually('seconds', async () => (await heldS()) >= 1);
    const before = await heldS();
    await eventually('more of them', async () => (await heldS()) > before);
    await press(page, 'Close: server, socket 2');
    await page.getByText(/^FIN-WAIT-2 was held for .* s, until TIME-WAIT \(FIN\) · proven$/).waitFor();
    expect(await verdict.getAttribute('class')).toBe('verdict proven past');
  });

  it('has in view what matters, without scrolling, and keeps the diagram where it is', async () => {
    // A window of 1280 × 720, without what the browser itself shows around a page.
    await using there = await openPage(ui, { width: 1280, height: 600 });
    const { page } = there;
    const places = () =>
      page.evaluate<Record<string, number[]>>(`Object.fromEntries([...document.querySelectorAll('.node')]
        .map((node) => [node, node.querySelector('rect').getBoundingClientRect()])
        .map(([node, { left, top, right, bottom }]) => [node.dataset.state, [left, top, right, bottom].map(Math.round)]))`);
    const before = await places();
    for (const state of ['FIN-WAIT-1', 'TIME-WAIT'] as const) {
      await clickState(page, state);
      expect(await places(), state).toEqual(before);
    }
    const news = page.locator('.item.flight').last();
    for (const part of [
      page.locator('.verdict'),
      news,
      page.locator('.scrubber'),
      page.locator('.tries button').first(),
    ]) {
      const box = await part.boundingBox();
      expect(
        (box?.y ?? -1) >= 0 && (box?.y ?? 0) + (box?.height ?? 0) <= 600,
        (await part.textContent()) ?? '',
      ).toBe(true);
    }
    for (const [left, top, right, bottom] of Object.values(before) as [number, number, number, number][])
      expect(left >= 0 && top >= 0 && right <= 1280 && bottom <= 600).toBe(true);
    expect(
      await page.evaluate('[document.documentElement.scrollHeight, document.documentElement.scrollWidth]'),
    ).toEqual([600, 1280]);
  });

  it('opens each scenario: from its list, and by an address that any tab of the browser may carry', async () => {
    await using there = await openPage(ui);
    const { page } = there;
    await page.getByLabel('Scenarios').selectOption('zero-window');
    await page.getByRole('heading', { name: /^zero-window: / }).waitFor();
    await page.getByText(/^ESTABLISHED held for .* · proven$/).waitFor();
    expect(page.url()).toBe(`http://127.0.0.1:${ui.port}/#scenario=zero-window`);
    expect(await page.getByLabel('Scenarios').locator('option').count()).toBe(CATALOGUE.length + 1);
    // As a link on somebody's slide: another tab of the same browser, without the token.
    const tab = await page.context().newPage();
    await tab.goto(`http://127.0.0.1:${ui.port}/#scenario=accept-queue-full`);
    await tab.getByRole('heading', { name: /^accept-queue-full: / }).waitFor();
    expect(await page.locator('h2').textContent()).toMatch(/^zero-window: /);
    await tab.evaluate("location.hash = '#scenario=no-such-thing'");
    await tab.getByText("no scenario is named 'no-such-thing'").waitFor();
    await tab.close();
  });

  it('acts: each act changes the page, the API and ss', async () => {
    await using there = await openPage(ui);
    const { page } = there;
    const queues = (sockets: string[]) => sockets.map((line) => line.split(' ').slice(0, 3).join(' '));
    await clickState(page, 'ESTABLISHED');
    await agreed(ui, page);
    await press(page, 'Send: client, socket 1');
    await agreed(ui, page, ({ server }) => queues(server).some((row) => /^ESTABLISHED 1\d\d 0$/.test(row)));
    await press(page, 'Receive: server, socket 2');
    await agreed(ui, page, ({ server }) => queues(server).includes('ESTABLISHED 0 0'));
    await press(page, 'Receive: client, socket 1').catch(() => {});
    await press(page, 'Shut down: client, socket 1');
    await agreed(
      ui,
      page,
      (now) => states(now.client)[0] === 'FIN-WAIT-2' && states(now.server).includes('CLOSE-WAIT'),
    );
    await press(page, 'Close: server, socket 2');
    await agreed(
      ui,
      page,
      (now) => states(now.client)[0] === 'TIME-WAIT' && states(now.server).join() === 'LISTEN',
    );
    await press(page, 'New connection');
    await agreed(ui, page, ({ server }) => queues(server).includes('LISTEN 1 5'));
    await press(page, 'Accept: server, socket 1');
    await agreed(ui, page, ({ server }) => queues(server).includes('LISTEN 0 5'));
    await press(page, 'Close: server, socket 1');
    await agreed(ui, page, ({ server }) => !states(server).includes('LISTEN'));
    await press(page, 'Listen');
    await page.getByRole('alert').getByText('EADDRINUSE').waitFor();
    await press(page, 'Reset: server, socket 3');
    await agreed(ui, page, ({ server }) => server.length === 0);
    await press(page, 'Listen');
    await agreed(ui, page, ({ server }) => states(server).includes('LISTEN'));
    expect(await page.locator('.trouble').textContent()).toBe('');
    for (const act of ['Reset: client, socket 1', /^Destroy: client 192/] as const) {
      await clickState(page, 'ESTABLISHED');
      await page.getByRole('button', { name: act }).first().click();
      await agreed(
        ui,
        page,
        ({ client, server }) => client.length === 0 && states(server).join() === 'LISTEN',
      );
    }
    expect(complaintsOf(there, ui)).toEqual([]);
  });

  it('sets rules, which the kernel applies and counts, and removes them', async () => {
    await using there = await openPage(ui);
    const { page } = there;
    await clickState(page, 'ESTABLISHED');
    await page.locator('.rule-form').getByLabel('On').selectOption('server');
    await page.getByLabel('PSH').check();
    await press(page, 'Set rule');
    const { id } = await messageOf(ui, page);
    const ruleset = () => output(ui, id, 'server', 'nft', 'list', 'ruleset');
    await eventually('the rule in the kernel', async () => /tcp dport 80 .*psh.* drop/.test(await ruleset()));
    await press(page, 'Send: client, socket 1');
    await agreed(ui, page, ({ client }) => /^ESTABLISHED \d+ 100 /.test(client[0] ?? ''));
    const met = page.locator('.rules .fate');
    await eventually('its count on the page', async () =>
      /[1-9]\d* packet/.test((await met.textContent()) ?? ''),
    );
    expect((await messageOf(ui, page)).view.rules[0]?.counts.at(-1)?.packets).toBeGreaterThan(0);
    await page
      .getByText(/(FIN|data or FIN) timer in/)
      .first()
      .waitFor();
    await page.getByRole('button', { name: /^Remove: server in/ }).click();
    await agreed(ui, page, ({ server }) => server.some((line) => /^ESTABLISHED 1\d\d 0 /.test(line)));
    expect(await ruleset()).not.toContain('psh');
    expect(complaintsOf(there, ui)).toEqual([]);
  });

  it('says why something is not possible, in a live region', async () => {
    await using there = await openPage(ui);
    const { page } = there;
    await clickState(page, 'LISTEN');
    const accept = button(page, 'Accept: server, socket 1');
    expect(await accept.getAttribute('aria-disabled')).toBe('true');
    await accept.click({ force: true });
    expect(await page.getByRole('alert').textContent()).toContain('the accept queue is empty');
  });

  it('saves what was done', async () => {
    await using there = await openPage(ui);
    const { page } = there;
    await clickState(page, 'CLOSE-WAIT');
    for (const [label, name, content] of [
      ['Save: Timeline', 'close-wait.timeline.ndjson', /^\{"type":"run-started"/],
      ['Save: Packets (pcapng)', 'close-wait.packets.pcapng', /^\n\r\r\n/],
      ['Save: Commands', 'close-wait.commands.txt', /tcplab hold close-wait/],
    ] as const) {
      const download = page.waitForEvent('download');
      await press(page, label);
      const saved = await download;
      expect(saved.suggestedFilename()).toBe(name);
      expect(await text(await saved.createReadStream())).toMatch(content);
    }
    expect(complaintsOf(there, ui)).toEqual([]);
  });

  it('is used by keyboard: focus stays on the state that was chosen', async () => {
    await using there = await openPage(ui);
    const { page } = there;
    await stateNode(page, 'FIN-WAIT-2').press('Enter');
    const shown = page.locator('#live[data-client="FIN-WAIT-2"]').waitFor();
    await shown.catch(async () => {
      const focused = await page.evaluate('document.activeElement?.outerHTML.slice(0, 200)');
      throw new Error(`not shown: ${await page.locator('#live').innerText()}; focus on ${focused}`);
    });
    await eventually('focus on it again', () =>
      page.evaluate("document.activeElement?.dataset.state === 'FIN-WAIT-2'"),
    );
  });

  it.each(['light', 'dark'] as const)('has nothing that axe objects to, %s', async (colorScheme) => {
    await using there = await openPage(ui, { colorScheme });
    const { page } = there;
    expect(await violations(page)).toEqual([]);
    await clickState(page, 'FIN-WAIT-1');
    await press(page, 'Set rule');
    await page.getByRole('button', { name: /^Remove: client/ }).waitFor();
    expect(await violations(page)).toEqual([]);
  });

  it('lets nobody in without the token, and takes it out of the address', async () => {
    await using there = await openPage(ui);
    expect(there.page.url()).toBe(`http://127.0.0.1:${ui.port}/#scenario=established`);
    await there.page.reload();
    await stateNode(there.page, 'LISTEN').waitFor();
    await using other = await visit(`http://127.0.0.1:${ui.port}/`);
    await other.page.getByText('Open the complete URL that `tcplab ui` printed').waitFor();
    expect(await other.page.locator('.node').count()).toBe(0);
  });
});

describe('a lab and its tab', () => {
  let ui: UiServer;
  beforeAll(async () => {
    ui = await startUi();
  });
  afterAll(() => ui[Symbol.asyncDispose]());

  it('last as long as each other', async () => {
    await using there = await openPage(ui);
    const { page } = there;
    await clickState(page, 'SYN-SENT');
    // The client retransmits its SYN after 1, 2 and 3 s, which is longer than a lab lasts unwatched.
    const flights = () => page.locator('.item.flight').count();
    const before = await flights();
    await eventually('three more SYNs', async () => (await flights()) > before + 2);
    expect(ui.labs.count).toBe(1);
    await page.close();
    await eventually('the lab over', () => ui.labs.count === 0);
  });

  it('find each other again when the connection drops, and nothing is lost', async () => {
    await using there = await openPage(ui);
    const { page } = there;
    await clickState(page, 'ESTABLISHED');
    const { id } = await messageOf(ui, page);
    await eventually('a stream', () => ui.labs.get(id).isWatched);
    ui.streams.end();
    await ui.labs.get(id).act({ act: 'shutdown', host: 'client', socket: 1 });
    await page.locator('#live[data-client="FIN-WAIT-2"][data-server="CLOSE-WAIT"]').waitFor();
    await agreed(ui, page, ({ client }) => states(client)[0] === 'FIN-WAIT-2');
    expect(await page.locator('.trouble').textContent()).toBe('');
    expect(ui.labs.count).toBe(1);
  });

  it('leave the last scene, which can be saved, when the lab ends first', async () => {
    await using there = await openPage(ui);
    const { page } = there;
    await clickState(page, 'FIN-WAIT-1');
    const { id } = await messageOf(ui, page);
    await eventually('a stream', () => ui.labs.get(id).isWatched);
    const rows = await page.locator('.item.flight').count();
    await ui.labs.end(id);
    await page.getByText('This lab has ended.').waitFor();
    await page.getByText('at the end: client FIN-WAIT-1, server ESTABLISHED').waitFor();
    expect(await page.locator('.item.flight').count()).toBeGreaterThanOrEqual(rows);
    expect(await page.locator('.panel button').allTextContents()).toEqual([
      ...['Timeline', 'Packets (pcapng)', 'Report (HTML)', 'Commands'],
    ]);
    const [saved] = await Promise.all([page.waitForEvent('download'), press(page, 'Save: Timeline')]);
    expect(await text(await saved.createReadStream())).toContain('"state":"FIN-WAIT-1"');
    await clickState(page, 'ESTABLISHED');
    await page.locator('.live-place:not(.is-over)').waitFor();
  });

  it('are the same after a reload, after Back, and in a second tab, which may go its own way', async () => {
    // A lab outlives a page that is away for a moment.
    await using ui = await startUi({ unwatchedMs: 60_000 });
    await using there = await openPage(ui);
    const { page } = there;
    await clickState(page, 'CLOSE-WAIT');
    const { id } = await messageOf(ui, page);
    const shows = (one: Page) => one.locator(`#live[data-lab="${id}"][data-server="CLOSE-WAIT"]`).waitFor();
    await page.reload();
    await shows(page);
    await page.goto('about:blank');
    await page.goBack();
    await shows(page);
    await using other = await openPage(ui);
    await shows(other.page);
    await clickState(other.page, 'LISTEN');
    expect((await messageOf(ui, page)).id).toBe(id);
    expect(ui.labs.count).toBe(2);
    await other.page.reload();
    await other.page.locator('#live[data-server="LISTEN"]').waitFor();
  });

  it('go to the last state that was clicked, however quickly the clicks follow each other', async () => {
    await using there = await openPage(ui);
    const { page } = there;
    const news = await page.evaluate(`for (const state of ['SYN-SENT', 'CLOSING', 'LAST-ACK', 'FIN-WAIT-2'])
      document.querySelector('.node[data-state="' + state + '"]').dispatchEvent(new MouseEvent('click', { bubbles: true }));
      document.querySelector('.news').textContent`);
    expect(news).toBe('Opening FIN-WAIT-2 …');
    await page.locator('#live[data-client="FIN-WAIT-2"]:not([aria-busy])').waitFor();
    await eventually('one lab', () => ui.labs.count === 1);
  });

  it('part when tcplab ends: the page says so, and counts down nothing', async () => {
    const own = await startUi();
    await using there = await openPage(own);
    const { page } = there;
    await clickState(page, 'FIN-WAIT-1');
    await page.locator('.countdown').first().waitFor();
    await own[Symbol.asyncDispose]();
    await page.getByText(/tcplab can’t be reached: .* This is what was last seen/).waitFor();
    expect(await page.locator('.countdown').first().isVisible()).toBe(false);
    expect(await page.locator('.item.flight').count()).toBeGreaterThan(0);
  });
});
