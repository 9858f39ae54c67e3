/** A node's content. A string becomes a text node, so data from a lab never becomes markup. */
type Child = Node | string | null;
type Attributes = Record<string, string | number | boolean | null>;

const SVG = 'http://www.w3.org/2000/svg';

export function html<K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  return filled(document.createElement(name), attributes, children);
}

export function svg<K extends keyof SVGElementTagNameMap>(
  name: K,
  attributes: Attributes = {},
  ...children: Child[]
): SVGElementTagNameMap[K] {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

/** Sets an attribute only if its value differs, because each setting costs a style recalculation. */
export function setAttribute(element: Element, name: string, value: string | number | boolean | null): void {
  if (value === null || value === false) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
    return;
  }
  const text = value === true ? '' : String(value);
  if (element.getAttribute(name) !== text) element.setAttribute(name, text);
}

export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

function filled<E extends Element>(element: E, attributes: Attributes, children: Child[]): E {
  for (const [name, value] of Object.entries(attributes)) setAttribute(element, name, value);
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** A table with a head over each column. */
export function table(
  attributes: Attributes,
  heads: readonly string[],
  body: HTMLTableSectionElement,
): HTMLTableElement {
  const row = heads.map((head) => html('th', { scope: 'col' }, head));
  return html('table', attributes, html('thead', {}, html('tr', {}, ...row)), body);
}

/** What a click on a node does, and the keys that press a button. */
export function onPress(node: Element, press: (event: Event) => void): void {
  node.addEventListener('click', press);
  node.addEventListener('keydown', (event) => {
    if (!['Enter', ' '].includes((event as KeyboardEvent).key)) return;
    event.preventDefault();
    event.stopPropagation();
    press(event);
  });
}

let ids = 0;

/** An id unique on the page, for attributes that refer to another element. */
export function newId(what: string): string {
  return `${what}-${++ids}`;
}
