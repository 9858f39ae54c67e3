import { join } from 'node:path';
import type { Locator, Page } from 'playwright-core';
import { expect } from 'vitest';
import type { State } from '../src/tcp/state.ts';
import type { LabMessage } from '../src/ui/model.ts';
import { type UiOptions, UiServer } from '../src/ui/server.ts';
import { type Look, type Visit, visit } from './browser.ts';
import { REPOSITORY } from './cli.ts';

/** What the tests of the live page share. */

const WEB = join(REPOSITORY, 'dist/web');
/** A page on a busy machine may need a second to open its stream. */
const UNWATCHED_MS = 2000;

export function startUi(options: UiOptions = {}): Promise<UiServer> {
  return UiServer.start({ webFolder: WEB, unwatchedMs: UNWATCHED_MS, ...options });
}

export function stateNode(page: Page, state: State): Locator {
  return page.locator(`.node[data-state="${state}"]`);
}

/** Opens the page, and waits for the lab that it begins with. */
export async function openPage(ui: UiServer, look: Look = {}): Promise<Visit> {
  const there = await visit(ui.url, look);
  await there.page.locator('#live[data-lab]:not([aria-busy])').waitFor();
  return there;
}

/** Clicks, and waits until the browser has drawn a fresh lab in that state. */
export async function clickState(page: Page, state: State): Promise<void> {
  await page.evaluate(`new Promise((done, fail) => {
    const main = document.getElementById('live');
    const before = main.dataset.lab;
    const since = performance.now();
    const look = () => {
      const there = [...document.querySelectorAll('.node.has-client, .node.has-server')];
      const isThere = there.some((node) => node.dataset.state === '${state}');
      if (main.dataset.lab !== undefined && main.dataset.lab !== before && isThere) done();
      else if (performance.now() - since > 10000) fail(new Error('not shown: ${state}; ' + main.innerText.slice(0, 300)));
      else requestAnimationFrame(look);
    };
    document.querySelector('.node[data-state="${state}"]').dispatchEvent(new MouseEvent('click', { bubbles: true }));
    look();
  })`);
}

export function button(page: Page, label: string): Locator {
  return page.getByRole('button', { name: label, exact: true });
}

export async function press(page: Page, label: string): Promise<void> {
  const there = button(page, label);
  await there.waitFor();
  expect(
    await there.getAttribute('aria-disabled'),
    `${label}: ${await there.getAttribute('title')}`,
  ).toBeNull();
  await there.click();
}

export async function messageOf(ui: UiServer, page: Page): Promise<LabMessage> {
  const id = await page.evaluate<string>("document.getElementById('live').dataset.lab");
  const headers = { Authorization: `Bearer ${ui.token}` };
  const response = await fetch(`http://127.0.0.1:${ui.port}/api/labs/${id}`, { headers });
  expect(response.status).toBe(200);
  return (await response.json()) as LabMessage;
}
