import { HOSTS, ofHosts } from '../evidence/host-name.ts';
import type { Change, HostName } from '../report/pages/view-model.ts';
import { formatTime } from '../report/words/time.ts';
import { confirmedBy, whyChanged } from './change-words.ts';
import { BOX, FIGURE, PLACES, type Route, routeOf, SIZE } from './diagram-layout.ts';
import { html, newId, onPress, setAttribute, setText, svg } from './nodes.ts';
import type { ViewTimeline } from './view-timeline.ts';

type State = Change['from'];

const STATES = Object.keys(PLACES) as State[];
/** How many transitions are listed in words, for screen readers. */
const LISTED = 100;

/** RFC 9293's state diagram: where both ends are, by which arcs they came, and which state is held. */
export class Diagram {
  readonly element: HTMLElement;
  readonly #states: Map<State, SVGGElement>;
  readonly #arcs = new Map<string, Record<HostName, SVGPathElement>>();
  readonly #arcLayer: SVGGElement = svg('g');
  readonly #tokens: Record<HostName, SVGGElement>;
  readonly #held: SVGGElement;
  readonly #description: SVGDescElement;
  readonly #words: Record<HostName, HTMLElement>;
  readonly #wordsBox: HTMLDetailsElement;
  readonly #now: Record<HostName, HTMLElement> = ofHosts(() => html('span', { class: 'now' }));
  readonly #heads: Record<HostName | 'figure', string>;
  /** Until the cursor. */
  #paths: Record<HostName, readonly Change[]> = { client: [], server: [] };
  #fromMs = 0;
  /** When each end first took each arc. */
  #firstTaken = new Map<string, Record<HostName, number>>();

  constructor(onState: ((state: State) => void) | undefined) {
    this.#heads = { figure: newId('head'), client: newId('head'), server: newId('head') };
    this.#description = svg('desc', { id: newId('desc') });
    this.#states = new Map(STATES.map((state) => [state, stateNode(state, onState)]));
    this.#tokens = ofHosts(tokenNode);
    this.#held = heldNode();
    const title = svg('title', { id: newId('title') }, 'State diagram of RFC 9293');
    const picture = svg(
      'svg',
      {
        viewBox: `0 0 ${SIZE.width} ${SIZE.height}`,
        role: onState ? 'group' : 'img',
        'aria-labelledby': title.id,
        'aria-describedby': this.#description.id,
      },
      title,
      this.#description,
      svg('defs', {}, ...Object.entries(this.#heads).map(([whose, id]) => headNode(whose, id))),
      svg('g', {}, ...FIGURE.map((route) => this.#figureNode(route))),
      this.#arcLayer,
      ...this.#states.values(),
      this.#held,
      ...HOSTS.map((host) => this.#tokens[host]),
    );
    this.#words = ofHosts(() => html('ol'));
    const words = HOSTS.flatMap((host) => [html('h4', {}, host), this.#words[host]]);
    this.#wordsBox = html('details', {}, html('summary', {}, 'The paths in words'), ...words);
    this.#wordsBox.addEventListener('toggle', () => this.#describe());
    this.element = html(
      'div',
      { class: 'diagram' },
      picture,
      html('div', { class: 'key' }, ...HOSTS.map((host) => keyNode(host, this.#now[host]))),
      this.#wordsBox,
    );
  }

  show(timeline: ViewTimeline): void {
    this.#firstTaken = new Map();
    for (const { host, from, to, atMs } of timeline.view.changes) {
      if (from === to) continue;
      const key = `${from}>${to}`;
      const first = this.#firstTaken.get(key) ?? { client: Infinity, server: Infinity };
      first[host] = Math.min(first[host], atMs);
      this.#firstTaken.set(key, first);
      if (!this.#arcs.has(key)) this.#addArc(key, routeOf(from, to));
    }
  }

  /** Beside each end's mark: where it is now. */
  say(host: HostName, text: string): void {
    setText(this.#now[host], text);
  }

  draw(timeline: ViewTimeline, atMs: number): void {
    for (const [key, paths] of this.#arcs) {
      const first = this.#firstTaken.get(key);
      for (const host of HOSTS)
        paths[host].classList.toggle('taken', first !== undefined && first[host] <= atMs);
    }
    const at = ofHosts((host) => timeline.stateAt(host, atMs));
    const visited = new Set<State>(HOSTS.map((host) => timeline.view.initial[host]));
    const sentences: string[] = [];
    for (const host of HOSTS) {
      const [x, y] = PLACES[at[host]];
      const side = host === 'client' ? -1 : 1;
      setAttribute(this.#tokens[host], 'transform', `translate(${x + side * (BOX.width / 2 + 5)},${y})`);
      const changes = timeline.changesUntil(host, atMs);
      this.#paths[host] = changes;
      sentences.push(`The ${host} is in ${at[host]}.`);
      for (const { from, to } of changes.slice(-LISTED)) visited.add(from).add(to);
    }
    for (const [state, node] of this.#states) {
      const here = HOSTS.filter((host) => at[host] === state);
      node.classList.toggle('visited', visited.has(state));
      for (const host of HOSTS) node.classList.toggle(`has-${host}`, here.includes(host));
      setAttribute(node, 'aria-label', here.length > 0 ? `${state}, ${here.join(' and ')} here` : state);
    }
    this.#fromMs = timeline.view.fromMs;
    this.#describe();
    sentences.push(this.#drawHeld(timeline, atMs));
    setText(this.#description, sentences.join(' '));
  }

  #drawHeld(timeline: ViewTimeline, atMs: number): string {
    const { held, hold } = timeline.view;
    setAttribute(this.#held, 'display', held ? null : 'none');
    if (!held) return '';
    const [x, y] = PLACES[held.state];
    setAttribute(this.#held, 'transform', `translate(${x},${y})`);
    const isHeld = hold !== null && hold.fromMs <= atMs;
    const isOver = isHeld && timeline.stateAt(held.host, atMs) !== held.state;
    this.#held.classList.toggle('reached', isHeld && !isOver);
    const label = this.#held.querySelector('text');
    const was = isOver ? 'was held' : 'held';
    if (label) setText(label, isHeld ? `${held.host} ${was} here` : `to hold: ${held.host}`);
    return isHeld ? `The ${held.host} ${isOver ? 'was' : 'is'} held in ${held.state}.` : '';
  }

  /** Only while it is open. */
  #describe(): void {
    if (!this.#wordsBox.open) return;
    for (const host of HOSTS) {
      const list = this.#words[host];
      const shown = this.#paths[host].slice(-LISTED);
      const [before, key] = [
        this.#paths[host].length - shown.length,
        `${this.#paths[host].length} ${shown.at(-1)?.atMs}`,
      ];
      if (list.dataset['shown'] === key) continue;
      list.dataset['shown'] = key;
      list.replaceChildren(...shown.map((change) => html('li', {}, words(change, this.#fromMs))));
      setAttribute(list, 'start', before > 0 ? before + 1 : null);
    }
  }

  #figureNode(route: Route): SVGGElement {
    const { from, to, path, label } = route;
    const node = svg('g', { class: 'figure' });
    node.append(svg('path', { d: path, 'marker-end': `url(#${this.#heads.figure})` }));
    if (label) node.append(svg('text', { x: label.x, y: label.y, 'text-anchor': label.anchor }, label.text));
    this.#addArc(`${from}>${to}`, route);
    return node;
  }

  /** One line for each end over the figure's, unseen until it is taken. */
  #addArc(key: string, { path }: Route): void {
    const line = (host: HostName) =>
      svg('path', {
        class: `arc of-${host}`,
        d: path,
        'marker-end': `url(#${this.#heads[host]})`,
        'data-arc': key,
        'data-host': host,
      });
    const paths = ofHosts(line);
    this.#arcs.set(key, paths);
    this.#arcLayer.append(paths.client, paths.server);
  }
}

function words(change: Change, fromMs: number): string {
  const { from, to, atMs } = change;
  return `${from} → ${to}: ${whyChanged(change)}, at ${formatTime(atMs - fromMs)}${confirmedBy(change)}`;
}

function stateNode(state: State, onState: ((state: State) => void) | undefined): SVGGElement {
  const [x, y] = PLACES[state];
  const { width, height } = BOX;
  const node = svg(
    'g',
    { class: `node of-${state}`, 'data-state': state, transform: `translate(${x},${y})` },
    svg('rect', { x: -width / 2, y: -height / 2, width, height, rx: 8 }),
    svg('text', { y: 4, 'text-anchor': 'middle' }, state),
  );
  if (!onState) return node;
  setAttribute(node, 'role', 'button');
  setAttribute(node, 'tabindex', 0);
  onPress(node, () => onState(state));
  return node;
}

/** A round C for the client, a square S for the server: distinguishable without color. */
function tokenNode(host: HostName): SVGGElement {
  const shape =
    host === 'client'
      ? svg('circle', { r: 10 })
      : svg('rect', { x: -9.5, y: -9.5, width: 19, height: 19, rx: 3 });
  const letter = svg('text', { y: 4, 'text-anchor': 'middle' }, host === 'client' ? 'C' : 'S');
  return svg('g', { class: `token of-${host}`, 'aria-hidden': 'true' }, shape, letter);
}

function heldNode(): SVGGElement {
  const [width, height] = [BOX.width + 10, BOX.height + 10];
  return svg(
    'g',
    { class: 'held', 'aria-hidden': 'true' },
    svg('rect', { x: -width / 2, y: -height / 2, width, height, rx: 12 }),
    svg('text', { y: height / 2 + 11, 'text-anchor': 'middle' }),
  );
}

function headNode(whose: string, id: string): SVGMarkerElement {
  const shape = svg('path', { d: 'M0,0 L8,4 L0,8 z' });
  const size = { markerWidth: 8, markerHeight: 8, refX: 5, refY: 4, markerUnits: 'userSpaceOnUse' };
  return svg('marker', { id, class: `head of-${whose}`, orient: 'auto', ...size }, shape);
}

function keyNode(host: HostName, now: HTMLElement): HTMLElement {
  const line = svg('line', { class: `arc taken of-${host}`, x1: 0, y1: 10, x2: 28, y2: 10 });
  const token = tokenNode(host);
  setAttribute(token, 'transform', 'translate(38,10)');
  const picture = svg(
    'svg',
    { viewBox: '0 -1 50 22', width: 50, height: 22, 'aria-hidden': 'true' },
    line,
    token,
  );
  return html('p', {}, picture, html('b', {}, host), now);
}
