import type { RuleView } from '../report/view/model.ts';
import { type Course, countUntil } from './course.ts';
import { counted } from './format.ts';
import { html, setText } from './nodes.ts';

interface Shown {
  rule: RuleView;
  element: HTMLElement;
  fate: HTMLElement;
}

/** The packet-filter rules at a time, with what they have met until then. */
export class Firewall {
  readonly element: HTMLElement;
  readonly #list: HTMLElement = html('ul', { class: 'rules' });
  readonly #none: HTMLElement = html('p', { class: 'none' }, 'No rules.');
  #shown: Shown[] = [];
  #course: Course | undefined;

  constructor() {
    this.element = html('div', { class: 'firewall' }, this.#none, this.#list);
  }

  draw(course: Course, atMs: number): void {
    if (course !== this.#course) this.#fill(course);
    let any = false;
    for (const { rule, element, fate } of this.#shown) {
      const isSet = rule.setMs <= atMs;
      element.hidden = !isSet;
      any ||= isSet;
      const isLifted = rule.liftedMs !== null && rule.liftedMs <= atMs;
      element.classList.toggle('lifted', isLifted);
      setText(fate, `${counted(packetsAt(rule, atMs), 'packet')}${isLifted ? ', lifted' : ''}`);
    }
    this.#none.hidden = any;
  }

  #fill(course: Course): void {
    this.#course = course;
    this.#shown = course.view.rules.map((rule) => {
      const fate = html('span', { class: 'fate' });
      const commands = html('code', {}, `${rule.iptables}\n${rule.nft}`);
      const element = html(
        'li',
        { 'data-rule': rule.number },
        html('span', { class: 'where' }, `rule ${rule.number}, ${rule.host} ${rule.hook}`),
        html('span', { class: 'what' }, rule.text),
        fate,
        html('details', {}, html('summary', {}, 'as commands'), html('pre', {}, commands)),
      );
      return { rule, element, fate };
    });
    this.#list.replaceChildren(...this.#shown.map(({ element }) => element));
  }
}

/** By the last count until then. */
function packetsAt({ counts }: RuleView, atMs: number): number {
  return counts[countUntil(counts, atMs, (count) => count.atMs) - 1]?.packets ?? 0;
}
