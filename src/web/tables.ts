import { HOSTS, ofHosts } from '../evidence/host-name.ts';
import type { HostName, Table, TableRow } from '../report/pages/view-model.ts';
import { html, setText, table } from './nodes.ts';
import type { ViewTimeline } from './view-timeline.ts';

const COLUMNS = ['State', 'Recv-Q', 'Send-Q', 'Local', 'Peer', 'Timer', 'Process'] as const;
/** How many sockets of a host are shown; of the rest, only the number. */
const ROWS_SHOWN = 50;

/** Both hosts' socket tables at a time, in the columns of `ss -tano`. */
export class Tables {
  readonly element: HTMLElement;
  readonly #bodies: Record<HostName, HTMLTableSectionElement>;
  readonly #captions: Record<HostName, HTMLElement>;
  readonly #shown: Partial<Record<HostName, Table | null>> = {};

  constructor() {
    this.#bodies = ofHosts(() => html('tbody'));
    this.#captions = ofHosts(() => html('caption'));
    const parts = HOSTS.map((host) => {
      const sockets = table({ class: 'sockets', 'data-host': host }, COLUMNS, this.#bodies[host]);
      sockets.prepend(this.#captions[host]);
      const attributes = { class: 'wide', tabindex: 0, role: 'group', 'aria-label': `${host}, sockets` };
      return html('div', attributes, sockets);
    });
    this.element = html('div', { class: 'tables' }, ...parts);
  }

  draw(timeline: ViewTimeline, atMs: number): void {
    for (const host of HOSTS) {
      const table = timeline.tableAt(host, atMs) ?? null;
      if (table === this.#shown[host]) continue;
      // A running lab has a new view each time, mostly with the same tables.
      const isSame = JSON.stringify(table?.rows) === JSON.stringify(this.#shown[host]?.rows);
      const isFirst = this.#shown[host] === undefined;
      this.#shown[host] = table;
      if (isFirst || !isSame) this.#fill(host, table?.rows ?? []);
    }
  }

  #fill(host: HostName, rows: readonly TableRow[]): void {
    setText(this.#captions[host], rows.length > 0 ? `${host}: sockets` : `${host}: no sockets`);
    const shown = rows.slice(0, ROWS_SHOWN).map(rowNode);
    const more = rows.length - shown.length;
    if (more > 0) shown.push(html('tr', {}, html('td', { colspan: COLUMNS.length }, `… ${more} more`)));
    this.#bodies[host].parentElement?.classList.toggle('empty', rows.length === 0);
    this.#bodies[host].replaceChildren(...shown);
  }
}

function rowNode(row: TableRow): HTMLTableRowElement {
  const { state, receiveQueue, sendQueue, local, remote, timer, process, isOwn } = row;
  const cell = (name: (typeof COLUMNS)[number], text: string, kind: string | null = null) =>
    html('td', { class: kind, 'data-name': name }, text);
  return html(
    'tr',
    { class: isOwn ? 'own' : null },
    html('th', { scope: 'row', class: `state of-${state}` }, state),
    cell('Recv-Q', String(receiveQueue), 'number'),
    cell('Send-Q', String(sendQueue), 'number'),
    cell('Local', local),
    cell('Peer', remote),
    cell('Timer', timer),
    cell('Process', process),
  );
}
