import { HOSTS } from '../evidence/host-name.ts';
import { Buckets } from './buckets.ts';
import { Inspector } from './inspector.ts';
import { describe, drawItem, drawStretch } from './ladder-draw.ts';
import { type Frame, frameOf, type LadderItem, type Layout, layOut, yAt } from './ladder-rows.ts';
import { html, newId, onPress, setAttribute, setText, svg } from './nodes.ts';
import type { ViewTimeline } from './view-timeline.ts';

/** Drawn beyond what is in view, so that a little scrolling needs nothing new. */
const MARGIN = 300;
/** How many items are listed in words, for screen readers, and printed at most. */
const LISTED = 1000;

/** The ladder laid out at a width, with its indexes. */
interface Laid {
  timeline: ViewTimeline;
  frame: Frame;
  layout: Layout;
  items: Buckets<LadderItem>;
}

/** Two lifelines and what went between them. Only what is in view is in the page, however long the ladder is. */
export class Ladder {
  readonly element: HTMLElement;
  readonly #onSeek: (atMs: number) => void;
  readonly #scroller: HTMLElement;
  readonly #space: HTMLElement = html('div', { class: 'space' });
  readonly #picture: SVGSVGElement;
  readonly #lives: SVGGElement = svg('g', { 'aria-hidden': 'true' });
  readonly #things: SVGGElement = svg('g');
  readonly #now: SVGLineElement = svg('line', { class: 'now', 'aria-hidden': 'true' });
  readonly #head: HTMLElement = html('div', { class: 'heads' });
  readonly #details: HTMLElement = html('p', { class: 'details-of-one' });
  readonly #inspector = new Inspector();
  readonly #words: HTMLElement = html('ol');
  readonly #wordsBox: HTMLDetailsElement;
  readonly #shown = new Map<string, { node: SVGGElement; signature: string; item: LadderItem }>();
  #laid: Laid | undefined;
  #slice = { top: -1, bottom: -1 };
  #atMs = Number.NaN;
  #wasAtEnd = true;
  /** Where the page itself has scrolled to, and its size then: the event comes later, when all may have another size. */
  #revealed = { top: Number.NaN, clientHeight: Number.NaN };
  #follows = false;
  #prints = false;

  constructor({ onSeek }: { onSeek: (atMs: number) => void }) {
    this.#onSeek = onSeek;
    const title = svg(
      'title',
      { id: newId('title') },
      'Ladder: segments and calls of the client and the server, in time from top to bottom',
    );
    this.#picture = svg(
      'svg',
      { role: 'group', 'aria-labelledby': title.id },
      title,
      this.#lives,
      this.#now,
      this.#things,
    );
    this.#space.append(this.#picture);
    const label = 'Ladder: the arrow keys step through it';
    this.#scroller = html(
      'div',
      { class: 'scroller', tabindex: 0, role: 'group', 'aria-label': label },
      this.#space,
    );
    this.#wordsBox = html('details', {}, html('summary', {}, 'What happened, in words'), this.#words);
    this.#wordsBox.addEventListener('toggle', () => this.#describe());
    this.element = html(
      'div',
      { class: 'ladder' },
      this.#head,
      this.#scroller,
      this.#details,
      this.#wordsBox,
      this.#inspector.element,
    );
    this.#scroller.addEventListener(
      'scroll',
      () => {
        const { scrollTop, clientHeight } = this.#scroller;
        const isUsers = scrollTop !== this.#revealed.top && clientHeight === this.#revealed.clientHeight;
        if (isUsers) this.#wasAtEnd = this.#isAtEnd();
        this.#drawSlice();
      },
      { passive: true },
    );
    new ResizeObserver(() => this.#resized()).observe(this.#scroller);
    for (const type of ['pointerover', 'focusin'])
      this.#things.addEventListener(type, (event) => this.#look(event));
    for (const type of ['pointerout', 'focusout'])
      this.#things.addEventListener(type, () => this.#lookAtNow());
    onPress(this.#things, (event) => this.#choose(event));
    addEventListener('beforeprint', () => this.#print(true));
    addEventListener('afterprint', () => this.#print(false));
  }

  show(timeline: ViewTimeline): void {
    this.#layOut(timeline, frameOf(this.#width()));
    const { client, server } = timeline.view.hosts;
    this.#head.replaceChildren(
      html('div', {}, html('b', {}, 'client'), html('span', {}, client.endpoint)),
      html(
        'div',
        {},
        html('b', {}, client.endpoint === server.endpoint ? 'the same socket' : 'server'),
        html('span', {}, server.endpoint),
      ),
    );
    this.#describe();
  }

  /** Moves the cursor, and brings it into view if it is another than before. */
  draw(atMs: number, follows: boolean): void {
    const laid = this.#laid;
    if (!laid) return;
    const [isNew, isBack] = [atMs !== this.#atMs, follows && !this.#follows];
    this.#follows = follows;
    this.#atMs = atMs;
    const y = follows ? laid.layout.height : yAt(laid.layout, atMs);
    setAttribute(this.#now, 'y1', y);
    setAttribute(this.#now, 'y2', y);
    // A user who has scrolled back is not moved by new rows.
    if (isNew && (!follows || this.#wasAtEnd || isBack)) this.#reveal(y);
    this.#drawSlice();
    for (const { node, item } of this.#shown.values()) node.classList.toggle('later', item.atMs > atMs);
    this.#lookAtNow();
  }

  #layOut(timeline: ViewTimeline, frame: Frame): void {
    const layout = layOut(timeline.view, frame);
    const items = new Buckets(layout.items, ({ top, bottom }) => [top, bottom]);
    this.#laid = { timeline, frame, layout, items };
    this.#space.style.height = `${layout.height}px`;
    this.element.style.setProperty('--at-client', `${frame.x.client}px`);
    this.element.style.setProperty('--at-server', `${frame.x.server}px`);
    setAttribute(this.#now, 'x1', 0);
    setAttribute(this.#now, 'x2', frame.width);
    this.#slice = { top: -1, bottom: -1 };
    this.#drawSlice();
  }

  #resized(): void {
    const width = this.#width();
    if (this.#laid && this.#laid.frame.width !== width) {
      this.#layOut(this.#laid.timeline, frameOf(width));
      this.draw(this.#atMs, this.#follows);
    } else {
      this.#drawSlice();
    }
    this.#revealed.clientHeight = this.#scroller.clientHeight;
    // The new size moves all rows.
    if (this.#laid && (!this.#follows || this.#wasAtEnd))
      this.#reveal(this.#follows ? this.#laid.layout.height : yAt(this.#laid.layout, this.#atMs));
  }

  #isAtEnd(): boolean {
    const { scrollTop, clientHeight } = this.#scroller;
    return !this.#laid || scrollTop + clientHeight >= this.#laid.layout.height - 40;
  }

  #width(): number {
    return Math.max(280, this.#scroller.clientWidth || 640);
  }

  #reveal(y: number): void {
    const { scrollTop, clientHeight } = this.#scroller;
    const room = clientHeight / 4;
    if (y < scrollTop + room) this.#scroller.scrollTop = Math.max(0, y - room);
    else if (y > scrollTop + clientHeight - room) this.#scroller.scrollTop = y - clientHeight + room;
    else return;
    this.#revealed = { top: this.#scroller.scrollTop, clientHeight };
    this.#wasAtEnd = this.#isAtEnd();
  }

  #drawSlice(): void {
    const laid = this.#laid;
    if (!laid) return;
    const { scrollTop, clientHeight } = this.#scroller;
    const { height } = laid.layout;
    const isWithin =
      this.#slice.top <= Math.max(0, scrollTop - 20) &&
      this.#slice.bottom >= Math.min(height, scrollTop + clientHeight + 20);
    if (isWithin && this.#slice.top >= 0) return;
    const top = this.#prints ? 0 : Math.max(0, scrollTop - MARGIN);
    const bottom = this.#prints ? height : Math.min(height, scrollTop + (clientHeight || 800) + MARGIN);
    this.#slice = { top, bottom };
    const { width } = laid.frame;
    setAttribute(this.#picture, 'viewBox', `0 ${top} ${width} ${bottom - top}`);
    setAttribute(this.#picture, 'width', width);
    setAttribute(this.#picture, 'height', bottom - top);
    this.#picture.style.top = `${top}px`;
    this.#drawLives(laid, top, bottom);
    this.#drawItems(laid, top, bottom);
  }

  #drawLives({ layout, frame }: Laid, top: number, bottom: number): void {
    const nodes: SVGElement[] = [];
    const { held } = layout;
    if (held && held.top < bottom && held.bottom > top) {
      const [from, to] = [Math.max(held.top, top), Math.min(held.bottom, bottom)];
      const x = frame.x[held.host] - 9;
      nodes.push(svg('rect', { class: 'hold-band', x, y: from, width: 18, height: to - from, rx: 4 }));
    }
    for (const host of HOSTS) {
      for (const stretch of layout.stretches[host]) {
        if (stretch.bottom < top || stretch.top > bottom) continue;
        const within = {
          ...stretch,
          top: Math.max(stretch.top, top),
          bottom: Math.min(stretch.bottom, bottom),
        };
        nodes.push(drawStretch(host, within, frame));
      }
    }
    this.#lives.replaceChildren(...nodes);
  }

  /** Keeps existing nodes, and with them the focus; a focused one even out of view, because scrolling must not drop it. */
  #drawItems({ items, layout, frame, timeline }: Laid, top: number, bottom: number): void {
    const visible = items.between(top, bottom);
    const keys = new Set(visible.map(({ key }) => key));
    const focused = document.activeElement?.closest<SVGGElement>('g.item')?.dataset['key'];
    const isGone = focused !== undefined && this.#shown.has(focused) && !keys.has(focused);
    const kept = isGone ? layout.items.find(({ key }) => key === focused) : undefined;
    if (kept) {
      keys.add(kept.key);
      if (kept.top < top) visible.unshift(kept);
      else visible.push(kept);
    }
    for (const [key, { node }] of this.#shown) {
      if (keys.has(key)) continue;
      node.remove();
      this.#shown.delete(key);
    }
    let before: SVGGElement | null = null;
    for (const item of visible) {
      const signature = `${frame.width} ${JSON.stringify(item)}`;
      let there = this.#shown.get(item.key);
      if (there?.signature !== signature) {
        const node = this.#made(item, frame, timeline);
        const hadFocus = there?.node.contains(document.activeElement);
        if (there) there.node.replaceWith(node);
        there = { node, signature, item };
        this.#shown.set(item.key, there);
        if (hadFocus) node.querySelector<SVGElement>('.target')?.focus({ preventScroll: true });
      }
      const place: ChildNode | null = before ? before.nextSibling : this.#things.firstChild;
      if (place !== there.node) this.#things.insertBefore(there.node, place);
      before = there.node;
    }
  }

  #made(item: LadderItem, frame: Frame, { view }: ViewTimeline): SVGGElement {
    const node = drawItem(item, frame, view);
    node.classList.toggle('later', item.atMs > this.#atMs);
    // Not the whole item: its accessible name would have to contain the visible text beside the arrow, word by word.
    const target = node.querySelector('.target');
    if (!target) return node;
    setAttribute(target, 'tabindex', 0);
    setAttribute(target, 'role', 'button');
    setAttribute(target, 'aria-label', describe(item, view));
    return node;
  }

  #itemOf(event: Event): LadderItem | undefined {
    const node = (event.target as Element).closest<SVGGElement>('g.item');
    return node ? this.#shown.get(node.dataset['key'] ?? '')?.item : undefined;
  }

  #look(event: Event): void {
    const item = this.#itemOf(event);
    if (item && this.#laid) setText(this.#details, describe(item, this.#laid.timeline.view));
  }

  /** Unless the user points at an item, shows the latest one. */
  #lookAtNow(): void {
    const laid = this.#laid;
    if (!laid) return;
    const focused = document.activeElement?.closest<SVGGElement>('g.item');
    const chosen =
      focused && this.#things.contains(focused) ? this.#shown.get(focused.dataset['key'] ?? '') : undefined;
    const item = chosen?.item ?? this.#lastUntil(laid, this.#atMs);
    setText(this.#details, item ? describe(item, laid.timeline.view) : '');
  }

  #lastUntil({ items, layout }: Laid, atMs: number): LadderItem | undefined {
    const y = yAt(layout, atMs);
    return items.between(y - 1, y - 1).findLast((item) => item.atMs <= atMs && item.what !== 'pause');
  }

  #choose(event: Event): void {
    const item = this.#itemOf(event);
    if (!item || !this.#laid) return;
    const { view } = this.#laid.timeline;
    this.#onSeek(item.atMs);
    if (item.what !== 'flight') return;
    const about = { view, text: describe(item, view), changes: item.changes };
    this.#inspector.open(item.flight, about, event.type === 'keydown');
  }

  #describe(): void {
    const laid = this.#laid;
    if (!laid || !this.#wordsBox.open) return;
    const { view } = laid.timeline;
    const all = laid.layout.items.filter(({ what }) => what !== 'pause');
    const nodes = all.slice(0, LISTED).map((item) => html('li', {}, describe(item, view)));
    if (all.length > LISTED) nodes.push(html('li', {}, `… and ${all.length - LISTED} more`));
    this.#words.replaceChildren(...nodes);
  }

  /** Paper does not scroll, so all items are drawn for print, unless there are too many. */
  #print(prints: boolean): void {
    this.#prints = prints && (this.#laid?.items.size ?? 0) <= LISTED;
    this.#slice = { top: -1, bottom: -1 };
    this.#drawSlice();
  }
}
