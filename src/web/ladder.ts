import type { Course } from './course.ts';
import { html } from './nodes.ts';

export class Ladder {
  readonly element: HTMLElement = html('div', { class: 'ladder' });
  readonly onSeek: (atMs: number) => void;

  constructor({ onSeek }: { onSeek: (atMs: number) => void }) {
    this.onSeek = onSeek;
  }

  show(course: Course): void {
    const lines = course.view.flights.map(({ from, label, ending }) =>
      html('li', {}, `${from} ${label} ${ending}`),
    );
    this.element.replaceChildren(html('ol', {}, ...lines));
  }

  draw(_atMs: number, _follows: boolean): void {}
}
