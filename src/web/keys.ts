import { html, setAttribute } from './nodes.ts';

/** The keys of the live page; those of a scene work in a report as well. */
const SCENE_KEYS: readonly (readonly [keys: string, does: string])[] = [
  ['← →', 'one step back or forward in time'],
  ['Home End', 'the first or the last step; the end follows what happens'],
  ['space', 'play, pause'],
  ['Tab, Enter', 'on a state: go there. On an arrow: open the segment. On a button: press it'],
  ['Esc', 'close the segment, or this map'],
];

interface PageKey {
  key: string;
  does: string;
  press: () => void;
}

/** What can be done with one key anywhere on the page, the map of all keys, and the mode for a projector. */
export class Keys {
  readonly element: HTMLElement;
  readonly #map: HTMLDialogElement;
  readonly #present: HTMLButtonElement;
  readonly #keys: readonly PageKey[];

  constructor() {
    this.#keys = [
      { key: '?', does: 'this map', press: () => this.#toggleMap() },
      {
        key: 'p',
        does: 'present: large type, full screen; again to end it',
        press: () => this.#togglePresent(),
      },
      {
        key: 'a',
        does: 'the actions: show or hide them while presenting, else go to them',
        press: () => this.#acts(),
      },
      { key: 's', does: 'the list of scenarios', press: () => focusOn('.live-head select') },
      { key: 'd', does: 'the diagram', press: () => focusOn('.node[tabindex]') },
      { key: 'l', does: 'the ladder', press: () => focusOn('.ladder .scroller') },
    ];
    const rows = [...this.#keys.map(({ key, does }) => [key, does] as const), ...SCENE_KEYS];
    const close = html('button', { type: 'button' }, 'Close');
    close.addEventListener('click', () => this.#map.close());
    this.#map = html(
      'dialog',
      { class: 'keys', 'aria-label': 'Keys' },
      html(
        'dl',
        {},
        ...rows.flatMap(([keys, does]) => [html('dt', {}, html('kbd', {}, keys)), html('dd', {}, does)]),
      ),
      close,
    );
    const open = html('button', { type: 'button' }, 'Keys ', html('kbd', {}, '?'));
    open.addEventListener('click', () => this.#toggleMap());
    this.#present = html(
      'button',
      { type: 'button', 'aria-pressed': 'false' },
      'Present ',
      html('kbd', {}, 'p'),
    );
    this.#present.addEventListener('click', () => this.#togglePresent());
    this.element = html('div', { class: 'page-keys' }, this.#present, open);
    document.body.append(this.#map);
    document.addEventListener('keydown', (event) => this.#key(event));
    // Esc leaves the full screen, without a keydown.
    document.addEventListener('fullscreenchange', () => {
      if (!document.fullscreenElement) this.#setPresents(false);
    });
  }

  #key(event: KeyboardEvent): void {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if ((event.target as Element).matches('input:not([type=range]), select, textarea')) return;
    const found = this.#keys.find(({ key }) => key === event.key);
    if (!found) return;
    event.preventDefault();
    found.press();
  }

  #toggleMap(): void {
    if (this.#map.open) this.#map.close();
    else this.#map.showModal();
  }

  #togglePresent(): void {
    const presents = !document.documentElement.classList.contains('presents');
    this.#setPresents(presents);
    // A browser may refuse it: then the window is what there is.
    const full = presents ? document.documentElement.requestFullscreen?.() : leaveFullScreen();
    full?.catch(() => {});
  }

  #setPresents(presents: boolean): void {
    document.documentElement.classList.toggle('presents', presents);
    document.documentElement.classList.remove('with-panel');
    setAttribute(this.#present, 'aria-pressed', String(presents));
  }

  #acts(): void {
    const { classList } = document.documentElement;
    const isShown = !classList.contains('presents') || classList.toggle('with-panel');
    if (isShown) focusOn('.panel');
  }
}

function leaveFullScreen(): Promise<void> | undefined {
  return document.fullscreenElement ? document.exitFullscreen() : undefined;
}

function focusOn(selector: string): void {
  document.querySelector<HTMLElement>(selector)?.focus();
}
