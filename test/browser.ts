import { spawnSync } from 'node:child_process';
import axe from 'axe-core';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, type TestContext } from 'vitest';

/** What the tests of pages share: a real browser, and what went wrong in it. */

const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

let browser: Browser | undefined;
afterAll(() => browser?.close());

const CHROMIUM = spawnSync('sh', ['-c', 'command -v chromium || command -v chromium-browser'], {
  encoding: 'utf8',
}).stdout.trim();

export function withChromium(context: TestContext): void {
  if (CHROMIUM === '') context.skip('needs chromium, which this machine does not have');
}

/** A page of a browser, and all that it complained of or asked the network for. */
export interface Visit extends AsyncDisposable {
  page: Page;
  /** Console messages of any kind, exceptions, and requests other than for the file itself. */
  complaints: string[];
}

export interface Look {
  colorScheme?: 'light' | 'dark';
  width?: number;
  height?: number;
}

/** Opens an address; a page that is not there fails. Playwright gives each its fresh profile. */
export async function visit(
  url: string,
  { colorScheme = 'light', width = 1200, height = 900 }: Look = {},
): Promise<Visit> {
  browser ??= await chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS });
  const context = await browser.newContext({ colorScheme, viewport: { width, height } });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => complaints.push(`exception: ${error.message}`));
  page.on('request', (request) => {
    const asked = request.url();
    if (asked !== url && !asked.startsWith('data:')) complaints.push(`request: ${asked}`);
  });
  await page.goto(url);
  return { page, complaints, [Symbol.asyncDispose]: () => context.close() };
}

/** What axe has against a page, in a line each. Its script comes past the page's policy, from outside. */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations } = (await page.evaluate('axe.run()')) as {
    violations: { id: string; nodes: { html: string; failureSummary: string }[] }[];
  };
  return violations.flatMap(({ id, nodes }) =>
    nodes.map((node) => `${id}: ${node.html}: ${node.failureSummary}`),
  );
}
