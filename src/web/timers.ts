import { formatPause } from '../report/words/time.ts';
import type { TimerView } from '../ui/model.ts';
import { Keyed } from './controls.ts';
import { html, setText } from './nodes.ts';

const DRAW_EVERY_MS = 100;

/** The timers that run, counting down between two messages. */
export class Timers {
  readonly element: HTMLElement;
  readonly #list: Keyed<TimerView, ReturnType<typeof node>>;
  readonly #interval: ReturnType<typeof setInterval>;
  #timers: readonly TimerView[] = [];
  /** The lab's clock, less this page's. */
  #aheadMs = 0;

  constructor() {
    this.#list = new Keyed(
      'ul',
      'No kernel timer is running. The state lasts until a program or the peer acts.',
      () => node(() => this.#nowMs()),
    );
    this.element = this.#list.element;
    this.#interval = setInterval(() => this.#draw(), DRAW_EVERY_MS);
  }

  show(timers: readonly TimerView[], nowMs: number): void {
    this.#timers = timers;
    this.#aheadMs = nowMs - performance.now();
    this.#draw();
  }

  /** What is not known to run any more is not counted down. */
  set isStale(isStale: boolean) {
    this.element.hidden = isStale;
  }

  end(): void {
    clearInterval(this.#interval);
  }

  #nowMs(): number {
    return performance.now() + this.#aheadMs;
  }

  #draw(): void {
    this.#list.show(this.#timers.map((timer) => [`${timer.host} ${timer.local} ${timer.remote}`, timer]));
  }
}

function node(nowMs: () => number) {
  const [count, because] = [html('span', { class: 'countdown' }), html('span', { class: 'because' })];
  return {
    element: html('li', {}, count, html('br'), because),
    show: (view: TimerView) => {
      const { host, state, timer, firesMs, remaining, givesUpMs, atMostMs, nextState, unless } = view;
      const left = (atMs: number) => formatPause(Math.max(0, atMs - nowMs()));
      const again = remaining === null || remaining === 0 ? '' : `, ${remaining} more`;
      const end = [
        givesUpMs === null ? '' : `; gives up in ${left(givesUpMs)}`,
        atMostMs === null ? '' : `; gives up within about ${left(atMostMs)}`,
        nextState === null ? '' : `, then ${nextState}`,
        unless === null ? '' : `, unless ${unless}`,
      ].join('');
      setText(count, `${host} ${state}: ${timer} timer in ${left(firesMs)}${again}${end}`);
      setText(because, view.because);
    },
  };
}
