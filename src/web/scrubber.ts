import { html, setAttribute, setText } from './nodes.ts';

interface Handlers {
  onStep(step: number): void;
  onPlay(): void;
}

/** The time cursor: steps through what happened. */
export class Scrubber {
  readonly element: HTMLElement;
  readonly #range: HTMLInputElement;
  readonly #play: HTMLButtonElement;
  readonly #time: HTMLElement = html('output', { class: 'time' });

  constructor({ onStep, onPlay }: Handlers) {
    this.#range = html('input', { type: 'range', min: 0, step: 1, 'aria-label': 'time' });
    this.#play = html('button', { type: 'button', class: 'play', 'aria-label': 'play' }, '▶');
    this.#range.addEventListener('input', () => onStep(Number(this.#range.value)));
    this.#play.addEventListener('click', onPlay);
    this.element = html('div', { class: 'scrubber' }, this.#play, this.#range, this.#time);
  }

  draw(step: number, steps: number, text: string, isPlaying: boolean): void {
    setAttribute(this.#range, 'max', Math.max(0, steps - 1));
    this.#range.value = String(step);
    setAttribute(this.#range, 'aria-valuetext', text);
    setText(this.#time, text);
    setText(this.#play, isPlaying ? '❚❚' : '▶');
    setAttribute(this.#play, 'aria-label', isPlaying ? 'pause' : 'play');
  }
}
