import { counted } from '../evidence/counted.ts';
import type { Change, FlightView, View } from '../report/pages/view-model.ts';
import { IPV6 } from '../tcp/headers.ts';
import { type PacketField, packetFields, windowScaleOf } from '../tcp/packet-fields.ts';
import { whyChanged } from './change-words.ts';
import { html, newId, setText } from './nodes.ts';

/** Bytes on a line, as tcpdump and Wireshark print them. */
const ROW = 16;

/** A segment, opened: its fields with their meanings, and its bytes. A field lights its bytes, and a byte its field. */
export class Inspector {
  readonly element: HTMLElement;
  readonly #title: HTMLElement = html('h4', { id: newId('segment'), tabindex: -1 });
  readonly #facts: HTMLElement = html('ul');
  readonly #body: HTMLElement = html('tbody');
  readonly #bytes: HTMLElement = html('pre', { tabindex: 0, 'aria-label': 'bytes, in hexadecimal' });
  #lit: string | undefined;
  #opener: Element | undefined;

  constructor() {
    const close = html('button', { type: 'button', 'aria-label': 'Close the segment' }, '✕');
    close.addEventListener('click', () => this.close());
    this.element = html(
      'section',
      { class: 'inspector', hidden: true, 'aria-labelledby': this.#title.id },
      html('header', {}, this.#title, close),
      this.#facts,
      html('table', {}, this.#body),
      this.#bytes,
    );
    this.element.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') this.close();
      // What moves the cursor elsewhere scrolls here.
      if (event.key !== 'Tab') event.stopPropagation();
    });
    for (const type of ['pointerover', 'focusin', 'click'])
      this.element.addEventListener(type, (event) => {
        const at = (event.target as Element).closest<HTMLElement>('[data-field]')?.dataset['field'];
        if (at !== undefined) this.#light(at);
      });
  }

  /** `takesFocus`: it was opened with the keyboard. */
  open(
    flight: FlightView,
    { view, text, changes }: { view: View; text: string; changes: readonly Change[] },
    takesFocus: boolean,
  ): void {
    this.#opener = document.activeElement ?? undefined;
    const bytes = Uint8Array.from(atob(flight.bytes), (letter) => letter.charCodeAt(0));
    const fields = packetFields(bytes);
    setText(this.#title, text);
    const facts = changes.map((change) => {
      const when = change.host === flight.from ? 'As it was sent' : 'As it arrived';
      const what = `the ${change.host} went from ${change.from} to ${change.to}: ${whyChanged(change)}.`;
      return html('li', {}, `${when}, ${what}`);
    });
    if (facts.length === 0) facts.push(html('li', {}, 'It changed no state.'));
    this.#facts.replaceChildren(...facts);
    const scale = scaleOf(view, flight, fields);
    let layer = '';
    // The segment first, then what carried it.
    const isIp = (field: PacketField) => field.layer.startsWith('IPv');
    const sorted = [...fields.filter((field) => !isIp(field)), ...fields.filter(isIp)];
    const rows = sorted.flatMap((field) => {
      const head =
        field.layer === layer
          ? []
          : [html('tr', {}, html('th', { colspan: 2, scope: 'rowgroup' }, field.layer))];
      layer = field.layer;
      return [...head, fieldRow(field, meaning(field, flight, scale))];
    });
    this.#body.replaceChildren(...rows);
    this.#bytes.replaceChildren(...hexDump(bytes, fields));
    const missing = wireLength(fields) - bytes.length;
    if (missing > 0) this.#bytes.append(`\n… and ${counted(missing, 'byte')} more`);
    this.element.hidden = false;
    this.element.scrollTop = 0;
    if (takesFocus) this.#title.focus();
  }

  close(): void {
    this.element.hidden = true;
    if (this.#opener?.isConnected) (this.#opener as HTMLElement).focus({ preventScroll: true });
  }

  #light(field: string): void {
    if (field === this.#lit) return;
    this.#lit = field;
    for (const node of this.element.querySelectorAll<HTMLElement>('[data-field]'))
      node.classList.toggle('lit', node.dataset['field'] === field);
  }
}

/** By the IP header. */
function wireLength(fields: readonly PacketField[]): number {
  const numberOf = (wanted: string) => fields.find(({ name }) => name === wanted)?.number;
  const payload = numberOf('payload length');
  return payload === undefined ? (numberOf('total length') ?? 0) : IPV6.bytes + payload;
}

function fieldRow({ name, value, at }: PacketField, more: string): HTMLElement {
  const button = html('button', { type: 'button' }, name);
  const shown = [value, more].filter(Boolean).join(', ');
  return html('tr', { 'data-field': at }, html('th', { scope: 'row' }, button), html('td', {}, shown));
}

/** What a number means in its connection. */
function meaning(
  { name, number = 0 }: PacketField,
  { numbers, flags }: FlightView,
  scale: number | null,
): string {
  if (name === 'sequence number' && numbers) return `${numbers.seq} from the first of its sender`;
  if (name === 'acknowledgment number') {
    if (numbers?.ack === null) return 'without the ACK flag it means nothing';
    return numbers ? `${numbers.ack} from the first of its receiver` : '';
  }
  // Until it is on the wire, there may be only the pseudo header's sum.
  if (name === 'checksum') return 'as captured at its sender, before hardware may complete it';
  if (name !== 'window') return '';
  if (flags?.includes('S')) return 'never scaled in a SYN';
  if (flags?.includes('R')) return '';
  return scale === null
    ? 'not scaled, or the SYNs were not seen'
    : `× ${2 ** scale} = ${number * 2 ** scale} bytes`;
}

/** By which its sender's windows are scaled: both SYNs must have the option (RFC 7323, 2.2). */
function scaleOf({ flights }: View, { from }: FlightView, fields: readonly PacketField[]): number | null {
  const ports = (all: readonly PacketField[]) =>
    all
      .flatMap(({ name, value }) => (name.endsWith(' port') ? [value] : []))
      .sort()
      .join();
  const scales = flights.flatMap((flight) => {
    if (!flight.flags?.includes('S')) return [];
    const bytes = Uint8Array.from(atob(flight.bytes), (letter) => letter.charCodeAt(0));
    const all = packetFields(bytes);
    return ports(all) === ports(fields) ? [{ from: flight.from, scale: windowScaleOf(all) }] : [];
  });
  const own = scales.find((one) => one.from === from)?.scale ?? null;
  const other = scales.find((one) => one.from !== from)?.scale ?? null;
  return other === null ? null : own;
}

function hexDump(bytes: Uint8Array, fields: readonly PacketField[]): Node[] {
  const nodes: Node[] = [];
  for (const [at, byte] of bytes.entries()) {
    if (at % ROW === 0) nodes.push(new Text(`${at === 0 ? '' : '\n'}${at.toString(16).padStart(4, '0')} `));
    const field = fields.find((one) => at >= one.at && at < one.at + one.length);
    nodes.push(new Text(at % ROW === ROW / 2 ? '  ' : ' '));
    nodes.push(html('span', { 'data-field': field ? field.at : null }, byte.toString(16).padStart(2, '0')));
  }
  return nodes;
}
