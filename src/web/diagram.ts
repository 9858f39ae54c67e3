import type { Change } from '../report/view/model.ts';
import { type Course, HOSTS } from './course.ts';
import { html } from './nodes.ts';

type State = Change['from'];

export class Diagram {
  readonly element: HTMLElement = html('div', { class: 'diagram' });
  readonly onState: ((state: State) => void) | undefined;

  constructor(onState: ((state: State) => void) | undefined) {
    this.onState = onState;
  }

  show(_course: Course): void {}

  draw(course: Course, atMs: number): void {
    this.element.textContent = HOSTS.map((host) => `${host}: ${course.stateAt(host, atMs)}`).join(', ');
  }
}
