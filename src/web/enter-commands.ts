import { HOSTS, type HostName } from '../evidence/host-name.ts';
import { part } from './controls.ts';
import { html, setText } from './nodes.ts';

/** The commands that open a shell in a host of the lab, to be copied into a terminal. */
export class EnterCommands {
  readonly element: HTMLElement;
  readonly #commands: ReturnType<typeof commandOf>[];

  constructor() {
    this.#commands = HOSTS.map(commandOf);
    const list = html('ul', {}, ...this.#commands.map(({ element }) => element));
    this.element = part('Enter a host from a terminal', list);
  }

  /** `name`: of the lab; null if it can't be entered. */
  show(name: string | null): void {
    this.element.hidden = name === null;
    for (const { show } of this.#commands) show(name ?? '');
  }
}

function commandOf(host: HostName): { element: HTMLElement; show: (lab: string) => void } {
  const command = html('code');
  const copy = html('button', { type: 'button', 'aria-label': `Copy the command for the ${host}` }, 'Copy');
  const said = html('span', { role: 'status' });
  copy.addEventListener('click', () => {
    // Without HTTPS only a page of this machine has a clipboard; the text can still be selected.
    const copying = navigator.clipboard?.writeText(command.textContent ?? '') ?? Promise.reject();
    copying.then(
      () => setText(said, ' copied'),
      () => setText(said, ' select the text to copy it'),
    );
  });
  return {
    element: html('li', {}, command, ' ', copy, said),
    show: (lab) => setText(command, `tcplab enter ${host} --lab ${lab}`),
  };
}
