import type { View } from '../report/pages/view-model.ts';
import type { ActRequest, ConnectionView, EndView, LabMessage } from '../ui/model.ts';
import { whyChanged } from './change-words.ts';
import { Keyed, part } from './controls.ts';
import { html, setAttribute, setText } from './nodes.ts';
import { endsShown } from './present.ts';
import { Timers } from './timers.ts';
import { type Try, triesOf } from './tries.ts';

const INTRO =
  'This connection is real: the kernel made it a moment ago, between two hosts of its own. Click a state in the ' +
  'diagram to take a connection there, or begin here:';

/** Why the connection is where it is, what ends that, and what to try. */
export class Card {
  readonly element: HTMLElement;
  readonly #intro: HTMLElement = html('p', { class: 'intro' }, INTRO);
  readonly #switch: Keyed<ConnectionView, ReturnType<typeof switchNode>>;
  readonly #ends: Keyed<Why, ReturnType<typeof endNode>>;
  readonly #tries: Keyed<Try, ReturnType<typeof tryNode>>;
  readonly #timers = new Timers();

  constructor(onAct: (request: ActRequest) => void) {
    this.#ends = new Keyed('ul', 'No socket of this connection is left.', endNode);
    this.#tries = new Keyed('ul', 'Nothing can be done: choose a state in the diagram.', (one) =>
      tryNode(one, onAct),
    );
    this.#switch = new Keyed('div', '', (one) => switchNode(one, onAct));
    this.#switch.element.classList.add('controls', 'switch');
    this.#switch.element.setAttribute('aria-label', 'Connections');
    this.#switch.element.setAttribute('role', 'group');
    this.element = part(
      'Now',
      this.#switch.element,
      this.#intro,
      this.#ends.element,
      html('h4', {}, 'What ends it'),
      this.#timers.element,
      html('h4', {}, 'Try this'),
      this.#tries.element,
    );
    this.element.classList.add('card');
    this.#tries.element.classList.add('tries');
    this.#ends.element.classList.add('whys');
  }

  show(message: LabMessage, isFirst: boolean): void {
    this.#intro.hidden = !isFirst;
    const { connections } = message;
    this.#switch.element.hidden = connections.length < 2;
    this.#switch.show(connections.map((one) => [String(one.number), one]));
    const ends = endsShown(message);
    this.#ends.show(ends.map((end) => [end.host, whyOf(end, message.view)]));
    this.#timers.show(message.timers, message.nowMs);
    this.#tries.show(triesOf(message).map((one) => [JSON.stringify(one.request), one]));
  }

  set isStale(isStale: boolean) {
    this.#timers.isStale = isStale;
  }

  end(): void {
    this.#timers.end();
  }
}

/** Several connections: the one that is shown, and the others. */
function switchNode({ number }: ConnectionView, onAct: (request: ActRequest) => void) {
  const button = html('button', { type: 'button' });
  button.addEventListener('click', () => onAct({ act: 'show', connection: number }));
  return {
    element: button,
    show: ({ client, ends, isShown }: ConnectionView) => {
      const port = client.slice(client.lastIndexOf(':'));
      setText(button, `${port} ${ends.map(({ state }) => state).join(' / ')}`);
      setAttribute(button, 'aria-pressed', String(isShown));
    },
  };
}

interface Why {
  end: EndView;
  /** What brought it there; empty if that is not known. */
  why: string;
}

function whyOf(end: EndView, { changes }: View): Why {
  const change = changes.findLast(({ host }) => host === end.host);
  return { end, why: change?.to === end.state ? whyChanged(change) : '' };
}

function endNode() {
  const [state, brief, why] = [html('b'), html('span'), html('span', { class: 'because' })];
  return {
    element: html('li', {}, state, ': ', brief, '. ', why),
    show: ({ end, why: text }: Why) => {
      setText(state, `${end.host} ${end.state}`);
      setText(brief, end.brief);
      setText(why, text === '' ? '' : `By ${text}.`);
    },
  };
}

function tryNode({ text, request }: Try, onAct: (request: ActRequest) => void) {
  const button = html('button', { type: 'button' }, text);
  button.addEventListener('click', () => onAct(request));
  const leads = html('span');
  return { element: html('li', {}, button, ' ', leads), show: (one: Try) => setText(leads, one.leads) };
}
