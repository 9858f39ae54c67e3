import { counted } from '../evidence/counted.ts';
import { firstAfter } from '../evidence/in-time.ts';
import type { RuleView } from '../report/pages/view-model.ts';
import { html, setText } from './nodes.ts';
import type { ViewTimeline } from './view-timeline.ts';

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
  #timeline: ViewTimeline | undefined;

  constructor() {
    this.element = html('div', { class: 'firewall' }, this.#none, this.#list);
  }

  draw(timeline: ViewTimeline, atMs: number): void {
    if (timeline !== this.#timeline) this.#take(timeline);
    let any = false;
    for (const { rule, element, fate } of this.#shown) {
      const isSet = rule.setMs <= atMs;
      element.hidden = !isSet;
      any ||= isSet;
      const isLifted = rule.liftedMs !== null && rule.liftedMs <= atMs;
      element.classList.toggle('removed', isLifted);
      setText(fate, `${counted(packetsAt(rule, atMs), 'packet')}${isLifted ? ', removed' : ''}`);
    }
    this.#none.hidden = any;
  }

  /** Rules that are there already stay as they are, with what is unfolded in them. */
  #take(timeline: ViewTimeline): void {
    this.#timeline = timeline;
    this.#shown = timeline.view.rules.map((rule) => {
      const there = this.#shown.find((one) => one.rule.number === rule.number && one.rule.nft === rule.nft);
      return there ? { ...there, rule } : shownRule(rule);
    });
    const elements = this.#shown.map(({ element }) => element);
    const isSame = elements.length === this.#list.children.length && elements.every((one) => one.isConnected);
    if (!isSame) this.#list.replaceChildren(...elements);
  }
}

function shownRule(rule: RuleView): Shown {
  const fate = html('span', { class: 'fate' });
  const commands = html('code', {}, `${rule.iptables}\n${rule.nft}`);
  const element = html(
    'li',
    { 'data-rule': rule.number },
    html('span', { class: 'where' }, `rule ${rule.number}, ${rule.host} ${rule.hook}`),
    html('span', { class: 'what' }, rule.text),
    fate,
    html('details', {}, html('summary', {}, 'As commands'), html('pre', {}, commands)),
  );
  return { rule, element, fate };
}

/** By the last count until then. */
function packetsAt({ counts }: RuleView, atMs: number): number {
  return counts[firstAfter(counts, atMs) - 1]?.packets ?? 0;
}
