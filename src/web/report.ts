import type { OverviewRow, ReportLab, ReportPage } from '../report/pages/report-model.ts';
import { html, setText, table } from './nodes.ts';
import { createScene, type Scene } from './scene.ts';

const SIGNS: Readonly<Record<OverviewRow['tone'], string>> = { good: '✓', bad: '✗', unsure: '?', none: '–' };

/** A lab of the report. Its scene is made when it is opened: a report may have hundreds. */
interface Chapter {
  box: HTMLDetailsElement;
  open(): void;
  scene: Scene | undefined;
}

function showReport(page: ReportPage): void {
  const chapters = page.labs.map(chapterOf);
  let last: Chapter | undefined;
  const [only] = chapters;
  const facts = page.facts.map(({ name, value }) =>
    html('div', {}, html('dt', {}, name), html('dd', {}, value)),
  );
  document.body.append(
    html(
      'main',
      {},
      html('h1', {}, page.title),
      html('dl', { class: 'facts' }, ...facts),
      overview(page),
      ...chapters.map(({ box }) => box),
    ),
  );
  for (const chapter of chapters) {
    chapter.box.addEventListener('toggle', () => {
      if (!chapter.box.open) return;
      chapter.open();
      last = chapter;
    });
  }
  const follow = () => {
    const place = /^#lab-(\d+)$/.exec(location.hash)?.[1];
    const chapter = chapters[Number(place)];
    if (!chapter) return;
    chapter.box.open = true;
    chapter.box.scrollIntoView();
  };
  addEventListener('hashchange', follow);
  if (only && chapters.length === 1) {
    only.box.classList.add('only');
    only.box.open = true;
  }
  follow();
  addEventListener('beforeprint', () => {
    for (const chapter of chapters) {
      chapter.box.open = true;
      chapter.open();
    }
  });
  // Unhandled keys go to the scene that was opened last.
  document.addEventListener('keydown', (event) => {
    if (event.target !== document.body || !/^(ArrowLeft|ArrowRight|Home|End| )$/.test(event.key)) return;
    if (event.altKey || event.ctrlKey || event.metaKey || !last?.scene || !last.box.open) return;
    event.preventDefault();
    last.scene.element.dispatchEvent(new KeyboardEvent('keydown', { key: event.key }));
  });
}

function overview({ overview: { heads, rows } }: ReportPage): HTMLElement {
  const lines = rows.map(({ word, tone, cells, lab }) => {
    const [name = '', ...rest] = cells;
    const link = lab === null ? name : html('a', { href: `#lab-${lab}` }, name);
    return html(
      'tr',
      {},
      html('td', { class: `tone ${tone}` }, `${SIGNS[tone]} ${word}`),
      html('th', { scope: 'row' }, link),
      ...rest.map((text) => html('td', {}, text)),
    );
  });
  const attributes = { class: 'wide card', role: 'group', tabindex: 0, 'aria-label': 'overview' };
  return html('div', attributes, table({ class: 'overview' }, heads, html('tbody', {}, ...lines)));
}

function chapterOf(lab: ReportLab, index: number): Chapter {
  const { name, title } = lab.view;
  const summary = html('summary', {}, html('b', {}, name), title === '' ? null : ` ${title}`);
  const box = html('details', { class: 'lab', id: `lab-${index}` }, summary);
  const chapter: Chapter = {
    box,
    scene: undefined,
    open: () => {
      if (chapter.scene) return;
      chapter.scene = createScene({ live: false });
      chapter.scene.show(lab.view);
      box.append(chapter.scene.element, aftermath(lab));
    },
  };
  return chapter;
}

/** What there is below the scene. */
function aftermath({ programs, sections, pcapng }: ReportLab): HTMLElement {
  const box = html('div', { class: 'aftermath' });
  if (pcapng) box.append(html('p', {}, downloadLink(pcapng)));
  for (const { host, command, ended, output } of programs) {
    const shown =
      output === '' ? html('p', { class: 'none' }, 'No output.') : html('pre', { tabindex: 0 }, output);
    box.append(html('section', { class: 'part' }, html('h3', {}, `${host}: ${command} (${ended})`), shown));
  }
  if (sections.length > 0) {
    const parts = sections.flatMap(({ title, text }) => [
      html('h4', {}, title),
      html('pre', { tabindex: 0 }, text),
    ]);
    box.append(html('section', { class: 'part explanation' }, html('h3', {}, 'Explanation'), ...parts));
  }
  return box;
}

function downloadLink({ name, base64 }: NonNullable<ReportLab['pcapng']>): HTMLAnchorElement {
  const link = html('a', {
    class: 'download',
    download: name,
    href: `data:application/x-pcapng;base64,${base64}`,
  });
  setText(link, `Download the packets for Wireshark: ${name}`);
  return link;
}

const data = document.getElementById('data')?.textContent;
if (data) showReport(JSON.parse(data) as ReportPage);
