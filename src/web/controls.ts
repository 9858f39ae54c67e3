import { html, newId, setAttribute } from './nodes.ts';

/** What a panel is made of. */

/**
 * A button that says why it can't be pressed: it stays focusable, so that the reason can be heard and focus is not
 * lost when things change.
 */
export class Control {
  readonly element: HTMLButtonElement;
  #why: string | null = null;

  constructor(text: string, label: string, press: () => void, refuse: (why: string) => void) {
    this.element = html('button', { type: 'button', 'aria-label': label === text ? null : label }, text);
    this.element.addEventListener('click', () => (this.#why === null ? press() : refuse(this.#why)));
  }

  /** Null when it can be pressed. */
  set(why: string | null): void {
    this.#why = why;
    setAttribute(this.element, 'aria-disabled', why === null ? null : 'true');
    setAttribute(this.element, 'title', why);
  }
}

/** A list of keyed items: an item that stays keeps its nodes. */
export class Keyed<T, N extends { element: HTMLElement; show: (item: T) => void }> {
  readonly element: HTMLElement;
  readonly #nodes = new Map<string, N>();
  readonly #make: (item: T) => N;
  readonly #empty: HTMLElement;

  constructor(name: 'div' | 'ul', empty: string, make: (item: T) => N) {
    this.#empty = html(name === 'ul' ? 'li' : 'p', { class: 'empty' }, empty);
    this.element = html(name, {}, this.#empty);
    this.#make = make;
  }

  show(items: readonly (readonly [key: string, item: T])[]): void {
    const keys = new Set(items.map(([key]) => key));
    for (const [key, node] of this.#nodes) {
      if (keys.has(key)) continue;
      node.element.remove();
      this.#nodes.delete(key);
    }
    for (const [key, item] of items) {
      let node = this.#nodes.get(key);
      if (!node) {
        node = this.#make(item);
        this.#nodes.set(key, node);
        this.element.append(node.element);
      }
      node.show(item);
    }
    this.#empty.hidden = items.length > 0;
  }
}

export function choice<T extends string>(
  label: string,
  options: readonly (readonly [value: T, text: string])[],
): {
  element: HTMLElement;
  readonly value: T;
} {
  const id = newId('choice');
  const select = html('select', { id }, ...options.map(([value, text]) => html('option', { value }, text)));
  const element = html('span', {}, html('label', { for: id }, label), ' ', select);
  return {
    element,
    get value() {
      return select.value as T;
    },
  };
}

export function part(title: string, ...content: HTMLElement[]): HTMLElement {
  return html('section', { class: 'panel-part' }, html('h3', {}, title), ...content);
}
