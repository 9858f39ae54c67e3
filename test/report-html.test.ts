import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { formatHtml } from '../src/report/pages/html.ts';
import type { ReportLab, ReportPage } from '../src/report/pages/report-model.ts';
import { viewOf } from '../src/report/pages/view.ts';
import type { HostName, View } from '../src/report/pages/view-model.ts';
import { type Visit, violations, visit, withChromium } from './browser.ts';
import { REPOSITORY, tcplabHere, temporaryFolder } from './cli.ts';
import { readSavedRun, scenarioOf } from './saved-run.ts';

const RECORDED = join(REPOSITORY, 'docs/states/recorded.ndjson');
const folder = temporaryFolder();
const whole = join(folder, 'whole.html');
const one = join(folder, 'one.html');
/** The lab in which most is different at its two ends. */
const SHOWN = 'closing';

/** What a page shows, as its nodes say. */
interface Shown {
  atMs: number;
  states: Record<HostName, string>;
  arcs: string[];
  /** Each arrow's label, and whether it is yet to come. */
  arrows: [label: string, later: boolean][];
  tables: Record<HostName, string[][]>;
  rules: string[];
}

const SHOWN_NOW = `(() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const at = (host) => document.querySelector('.node.has-' + host).dataset.state;
  const rows = (host) => all('table[data-host=' + host + '] tbody tr').map((row) => [...row.cells].map((cell) => cell.textContent));
  return {
    atMs: Number(document.querySelector('.scene').dataset.atMs),
    states: { client: at('client'), server: at('server') },
    arcs: all('.arc.taken[data-arc]').map((arc) => arc.dataset.host + ' ' + arc.dataset.arc).sort(),
    arrows: all('.item.flight').map((node) => [node.querySelector('.label').textContent, node.classList.contains('later')]),
    tables: { client: rows('client'), server: rows('server') },
    rules: all('.rules li:not([hidden])').map((rule) => rule.querySelector('.fate').textContent),
  };
})()`;

/** The same, from the view: by looking at all of it, where the page looks things up. */
function expected(view: View, atMs: number): Shown {
  const was = <T extends { atMs: number }>(all: T[]) => all.filter((each) => each.atMs <= atMs);
  const of = <T>(give: (host: HostName) => T) => ({ client: give('client'), server: give('server') });
  const changes = was(view.changes);
  const moved = changes.filter(({ from, to }) => from !== to);
  return {
    atMs,
    states: of((host) => changes.findLast((change) => change.host === host)?.to ?? view.initial[host]),
    arcs: [...new Set(moved.map(({ host, from, to }) => `${host} ${from}>${to}`))].sort(),
    arrows: view.flights.map(({ label, departsMs }) => [label, departsMs > atMs]),
    tables: of((host) => {
      const table = was(view.tables).findLast((each) => each.host === host);
      return (table?.rows ?? []).map(({ state, receiveQueue, sendQueue, local, remote, timer, process }) => [
        ...[state, String(receiveQueue), String(sendQueue)],
        ...[local, remote, timer, process],
      ]);
    }),
    rules: view.rules
      .filter(({ setMs }) => setMs <= atMs)
      .map(({ counts, liftedMs }) => {
        const packets = was(counts).at(-1)?.packets ?? 0;
        return `${packets} packet${packets === 1 ? '' : 's'}${liftedMs !== null && liftedMs <= atMs ? ', removed' : ''}`;
      }),
  };
}

/** Opens a scenario and its ladder in words, and closes it. In the page, because a mouse takes a third of a second for each. */
const OPENED = `async (index) => {
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  document.querySelectorAll('.overview a')[index].click();
  const chapter = document.querySelector('#lab-' + index);
  while (!chapter.querySelector('.of-ladder details summary')) await frame();
  chapter.querySelector('.of-ladder details summary').click();
  while (!chapter.querySelector('.of-ladder details li')) await frame();
  const words = [...chapter.querySelectorAll('.of-ladder details li')].map((line) => line.textContent);
  const held = chapter.querySelector('.held text').textContent;
  chapter.querySelector(':scope > summary').click();
  return { words, held };
}`;

const urlOf = (path: string) => pathToFileURL(path).href;

/** Presses a key, and waits until what was asked for has been drawn: two frames on. */
async function press(page: Page, key: string): Promise<void> {
  await page.keyboard.press(key);
  await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))');
}

function dataOf(path: string): ReportPage {
  const [, json] =
    /<script type="application\/json" id="data">(.*?)<\/script>/s.exec(readFileSync(path, 'utf8')) ?? [];
  return JSON.parse(json ?? '') as ReportPage;
}

/** A report of data of our own. */
function write(name: string, page: ReportPage): string {
  const path = join(folder, name);

  writeFileSync(path, formatHtml(page));
  return path;
}

describe('a report', () => {
  let shown: View;

  beforeAll(async () => {
    const { status, stderr } = await tcplabHere('replay', RECORDED, '--report', whole);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const page = dataOf(whole);
    const place = page.labs.findIndex(({ view }) => view.name === SHOWN);
    const lab = page.labs[place] as ReportLab;
    const rows = page.overview.rows.filter((row) => row.lab === place).map((row) => ({ ...row, lab: 0 }));
    write('one.html', { ...page, labs: [lab], overview: { ...page.overview, rows } });
    const { labs } = await readSavedRun(RECORDED);
    const timeline = labs.find((each) => scenarioOf(each) === SHOWN);
    if (!timeline) throw new Error(`no ${SHOWN} in the record`);
    shown = viewOf(timeline, { name: SHOWN, title: '' });
  });

  it('is one file, of less than 500 kB for one scenario', () => {
    expect(readFileSync(one).length).toBeLessThan(500_000);
    expect(readFileSync(one).length).toBeGreaterThan(20_000);
  });

  it.for([
    ['one scenario', one, 'light', 1200],
    ['one scenario', one, 'dark', 1200],
    ['one scenario', one, 'light', 360],
    ['all scenarios', whole, 'light', 1200],
    ['all scenarios', whole, 'dark', 360],
  ] as const)(
    'of %s opens from a disk, in silence; axe finds nothing (%s, %s, %i)',
    async ([, path, colorScheme, width], context) => {
      withChromium(context);
      await using there = await visit(urlOf(path), { colorScheme, width });
      const { page, complaints } = there;
      if (path === whole) await page.locator('.overview a').nth(8).click();
      await page.locator('.scene').waitFor();
      for (const summary of await page
        .locator('.lab[open] summary:visible')
        .all()
        .then((all) => all.slice(1))) {
        await summary.click();
      }
      expect(await violations(page)).toEqual([]);
      expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
      expect(complaints).toEqual([]);
    },
  );

  it('shows at each step what the view tells of that time', async (context) => {
    withChromium(context);
    await using there = await visit(urlOf(one));
    const { page } = there;
    await page.locator('.scene[data-at-ms]').waitFor();
    await page.locator('.scrubber input').focus();
    await press(page, 'Home');
    const times: number[] = [];
    for (let last = Number.NaN; ; await press(page, 'ArrowRight')) {
      const now = (await page.evaluate(SHOWN_NOW)) as Shown;
      if (now.atMs === last) break;
      times.push(now.atMs);
      last = now.atMs;
      // An arrow that is out of view is not in the page.
      const { arrows, ...rest } = expected(shown, now.atMs);
      const { arrows: drawn, ...others } = now;
      expect(others).toEqual(rest);
      expect(arrows).toEqual(expect.arrayContaining(drawn));
      expect(drawn.length).toBeGreaterThan(3);
    }
    expect(times[0]).toBe(shown.fromMs);
    expect(times.at(-1)).toBe(shown.toMs);
    const happened = [...shown.changes, ...shown.acts, ...shown.notes].map(({ atMs }) => atMs);
    expect(times).toEqual(
      expect.arrayContaining([...happened, ...shown.flights.map(({ departsMs }) => departsMs)]),
    );
  });

  it('shows every arrow of every recorded scenario, with the ladder in words', async (context) => {
    withChromium(context);
    const { labs } = dataOf(whole);
    await using there = await visit(urlOf(whole));
    const { page } = there;
    for (const [index, { view }] of labs.entries()) {
      const { words, held } = (await page.evaluate(`(${OPENED})(${index})`)) as {
        words: string[];
        held: string;
      };
      for (const { label } of view.flights)
        expect(
          words.some((line) => line.includes(label)),
          label,
        ).toBe(true);
      for (const { text } of view.acts)
        expect(
          words.some((line) => line.includes(text)),
          text,
        ).toBe(true);
      expect(held).toBe(`${view.held?.host} held here`);
    }
    expect(there.complaints).toEqual([]);
  });

  it('is played by the keyboard: arrows, Home and End, space', async (context) => {
    withChromium(context);
    await using there = await visit(urlOf(one));
    const { page } = there;
    await page.locator('.scene[data-at-ms]').waitFor();
    const at = async () => Number(await page.locator('.scene').getAttribute('data-at-ms'));
    expect(await at()).toBe(shown.toMs);
    await press(page, 'Home');
    expect(await at()).toBe(shown.fromMs);
    await press(page, 'ArrowRight');
    const second = await at();
    expect(second).toBeGreaterThan(shown.fromMs);
    await press(page, 'ArrowLeft');
    expect(await at()).toBe(shown.fromMs);
    await press(page, ' ');
    expect(await page.locator('.play').getAttribute('aria-label')).toBe('pause');
    await page.locator(`.scene:not([data-at-ms="${shown.fromMs}"])`).waitFor();
    await press(page, ' ');
    expect(await page.locator('.play').getAttribute('aria-label')).toBe('play');
    await page.locator('.scroller').focus();
    await press(page, 'End');
    expect(await at()).toBe(shown.toMs);
    await press(page, 'ArrowUp');
    expect(await at()).toBeLessThan(shown.toMs);
  });

  it('shows the details of an arrow that is pointed at or has the focus, and goes there', async (context) => {
    withChromium(context);
    await using there = await visit(urlOf(one));
    const { page } = there;
    const details = page.locator('.details-of-one');
    const arrow = page.locator('.item.flight', { hasText: 'F. seq 1 ack 1' }).first();
    await arrow.locator('.target').focus();
    await expect
      .poll(() => details.textContent())
      .toContain('client → server: F. seq 1 ack 1; dropped at its receiver by rule 1');
    await press(page, 'Enter');
    const fin = shown.flights.find(({ flags }) => flags === 'F.');
    expect(Number(await page.locator('.scene').getAttribute('data-at-ms'))).toBe(fin?.departsMs);
    await page.locator('.inspector').getByText('0x11 (FIN, ACK)').waitFor();
    await press(page, 'Escape');
    await page.locator('.item.flight .label', { hasText: 'S. seq 0' }).first().hover();
    await expect
      .poll(() => details.textContent())
      .toContain('server → client: S. seq 0 ack 1; delivered after');
  });

  it('gives the packets, as --pcap writes them', async (context) => {
    withChromium(context);
    const packets = join(folder, 'packets');
    expect((await tcplabHere('replay', RECORDED, '--pcap', packets)).status).toBe(0);
    await using there = await visit(urlOf(one));
    const [download] = await Promise.all([
      there.page.waitForEvent('download'),
      there.page.locator('.download').click(),
    ]);
    expect(download.suggestedFilename()).toBe(`${SHOWN}.pcapng`);
    expect(readFileSync(await download.path())).toEqual(readFileSync(join(packets, `${SHOWN}.pcapng`)));
  });
});

describe('--report', () => {
  it('makes of a run what its replay makes of it', async () => {
    const [timeline, first, second] = ['same.ndjson', 'same-1.html', 'same-2.html'].map((name) =>
      join(folder, name),
    ) as [string, string, string];
    expect(await tcplabHere('run', 'fin-wait-1', '--timeline', timeline, '--report', first)).toMatchObject({
      status: 0,
    });
    expect(await tcplabHere('replay', timeline, '--report', second)).toMatchObject({ status: 0 });
    expect(readFileSync(first, 'utf8')).toBe(readFileSync(second, 'utf8'));
    const { title, labs } = dataOf(first);
    expect(title).toBe('tcplab: fin-wait-1, 1 of 1 proven');
    expect(labs.map(({ view }) => view.held)).toEqual([{ host: 'client', state: 'FIN-WAIT-1' }]);
  });

  it('has of a check each probe, with what was found, and of arcs each arc', async (context) => {
    const [check, arcs] = [join(folder, 'check.html'), join(folder, 'arcs.html')];
    const talk = [
      '--only',
      'refused',
      'closes-before-answer',
      '--report',
      check,
      '--',
      'curl -sS http://{server}:{port}/',
    ];
    await tcplabHere('check', 'client', ...talk);
    expect(dataOf(check).overview.rows.map(({ cells }) => cells[0])).toEqual([
      'refused',
      'closes-before-answer',
    ]);
    expect(await tcplabHere('arcs', '--report', arcs)).toMatchObject({ status: 0 });
    const { overview, labs } = dataOf(arcs);
    expect(overview.rows.length).toBeGreaterThan(42);
    for (const { word, lab } of overview.rows) expect(lab === null).toBe(word === 'skipped');
    expect(labs.length).toBeGreaterThan(20);
    withChromium(context);
    for (const path of [check, arcs]) {
      await using there = await visit(urlOf(path));
      await there.page.locator('.overview a').nth(1).click();
      await there.page.locator('.scene[data-at-ms]').waitFor();
      expect(await violations(there.page)).toEqual([]);
      expect(there.complaints).toEqual([]);
    }
  });

  it('refuses a file that another option names, or that is the timeline itself, or that nobody can write', async () => {
    const same = join(folder, 'same.html');
    const both = await tcplabHere('replay', RECORDED, '--report', same, '--junit', same);
    expect(both).toMatchObject({ status: 2, stdout: '' });
    expect(both.stderr).toContain('--junit and --report name the same file');
    const copy = join(folder, 'copy.ndjson');
    copyFileSync(RECORDED, copy);
    expect(await tcplabHere('replay', copy, '--report', copy)).toMatchObject({ status: 2, stdout: '' });
    expect(readFileSync(copy)).toEqual(readFileSync(RECORDED));
    const nowhere = await tcplabHere('replay', RECORDED, '--report', join(folder, 'none/report.html'));
    expect(nowhere).toMatchObject({ status: 2, stdout: '' });
  });
});

describe('a report of what a page must not believe', () => {
  const EVIL = '</script><script>globalThis.hurt = 1</script><img src=x onerror="globalThis.hurt = 2"><!--';

  it('shows text as text', async (context) => {
    withChromium(context);
    const [lab] = dataOf(one).labs as [ReportLab];
    const view: View = structuredClone(lab.view);
    view.name = view.title = EVIL;
    view.verdict = { word: 'unproven', because: EVIL };
    view.hosts = { client: { endpoint: EVIL }, server: { endpoint: EVIL } };
    view.notes = [{ atMs: view.toMs, text: EVIL }];
    for (const each of [...view.acts, ...view.rules]) each.text = EVIL;
    for (const rule of view.rules) rule.nft = rule.iptables = EVIL;
    for (const flight of view.flights) flight.label = EVIL;
    for (const { rows } of view.tables) for (const row of rows) row.process = row.timer = row.local = EVIL;
    for (const witness of view.witnesses) witness.why = EVIL;
    const path = write('evil.html', {
      title: EVIL,
      facts: [{ name: EVIL, value: EVIL }],
      overview: { heads: [EVIL], rows: [{ word: EVIL, tone: 'bad', cells: [EVIL, EVIL], lab: 0 }] },
      labs: [
        {
          view,
          sections: [{ title: EVIL, text: EVIL }],
          programs: [{ host: 'server', command: EVIL, ended: EVIL, output: EVIL }],
          pcapng: { name: EVIL, base64: '' },
        },
      ],
    });
    await using there: Visit = await visit(urlOf(path));
    const { page, complaints } = there;
    await page.locator('.scene[data-at-ms]').waitFor();
    for (const summary of await page.locator('summary:visible').all()) await summary.click();
    expect(await page.evaluate('globalThis.hurt')).toBeUndefined();
    expect(await page.evaluate('[document.scripts.length, document.images.length]')).toEqual([2, 0]);
    expect(await page.title()).toBe(EVIL);
    for (const place of [
      '.aftermath pre',
      '.overview',
      '.sockets',
      '.rules',
      '.witnesses',
      '.verdict',
      '.item.flight',
    ]) {
      expect(await page.locator(place).first().textContent(), place).toContain(EVIL);
    }
    expect(complaints).toEqual([]);
  });

  it('has a policy under which nothing runs and nothing loads but its own', async (context) => {
    withChromium(context);
    await using there = await visit(urlOf(one));
    const { page, complaints } = there;
    await page.locator('.scene').waitFor();
    await page.evaluate(`{
      const script = document.createElement('script');
      script.textContent = 'globalThis.hurt = 1';
      const picture = document.createElement('img');
      picture.src = 'file:///etc/hostname.png';
      document.body.append(script, picture);
    }`);
    await expect
      .poll(() => complaints.filter((text) => text.includes('Content Security Policy')).length)
      .toBe(2);
    expect(await page.evaluate('globalThis.hurt')).toBeUndefined();
  });
});

describe('a report of ten thousand events', () => {
  it('has no more nodes than can be seen, wherever the cursor is', async (context) => {
    withChromium(context);
    const page = dataOf(one);
    const [lab] = page.labs as [ReportLab];
    const path = write('long.html', {
      ...page,
      labs: [{ ...lab, view: lengthened(lab.view, 10_000) }],
    });
    await using there = await visit(urlOf(path));
    await there.page.locator('.scene[data-at-ms]').waitFor();
    const range = there.page.locator('.scrubber input');
    const last = Number(await range.getAttribute('max'));
    expect(last).toBeGreaterThan(10_000);
    const seen = new Set<string>();
    for (const share of [0, 0.25, 0.5, 0.75, 1]) {
      await range.fill(String(Math.round(last * share)));
      await press(there.page, 'Shift');
      const nodes = Number(await there.page.evaluate('document.querySelectorAll("*").length'));
      expect(nodes).toBeLessThan(1500);
      const arrows = await there.page.locator('.item.flight').count();
      expect(arrows).toBeGreaterThan(8);
      expect(arrows).toBeLessThan(80);
      seen.add((await there.page.locator('.details-of-one').textContent()) ?? '');
    }
    expect(seen.size).toBe(5);
    expect(there.complaints).toEqual([]);
  });
});

/** The view with its segments repeated many times, each with its reply. */
function lengthened(view: View, count: number): View {
  const [first] = view.flights.filter(({ flags }) => flags === '.');
  if (!first) throw new Error('there is no segment to repeat');
  const flights = Array.from({ length: count }, (_, index) => {
    const departsMs = view.toMs + index * 2;
    const from = index % 2 === 0 ? ('client' as const) : ('server' as const);
    return { ...first, from, departsMs, arrivesMs: departsMs + 1, label: `. seq ${index} ack 1` };
  });
  return { ...view, toMs: view.toMs + count * 2, flights: [...view.flights, ...flights] };
}
