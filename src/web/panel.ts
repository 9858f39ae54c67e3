import { counted } from '../evidence/counted.ts';
import { HOSTS } from '../evidence/host-name.ts';
import { FATES, type Fate } from '../lab/fate.ts';
import type { RuleView } from '../report/pages/view-model.ts';
import { FLAG_NAMES } from '../report/words/flags.ts';
import type { ActRequest, HostActs, LabMessage, SocketAct, SocketView } from '../ui/model.ts';
import { Card } from './card.ts';
import { Control, choice, Keyed, part } from './controls.ts';
import { EnterCommands } from './enter-commands.ts';
import { html, setText } from './nodes.ts';

interface PanelOptions {
  onAct: (request: ActRequest) => void;
  /** A control was pressed that is not available now. */
  onRefused: (why: string) => void;
  onDownload: (name: string) => void;
  onEnd: () => void;
}

type Destroyable = HostActs['destroyable'][number] & { host: SocketView['host'] };

const SOCKET_ACTS: readonly (readonly [SocketAct, string])[] = [
  ['close', 'Close'],
  ['shutdown', 'Shut down'],
  ['reset', 'Reset'],
  ['send', 'Send'],
  ['receive', 'Receive'],
  ['accept', 'Accept'],
];
const DOWNLOADS: Record<string, string> = {
  'timeline.ndjson': 'Timeline',
  'packets.pcapng': 'Packets (pcapng)',
  'report.html': 'Report (HTML)',
  'commands.txt': 'Commands',
};

/** The actions that are available in a lab now. */
export class Panel {
  readonly element: HTMLElement;
  readonly #options: PanelOptions;
  readonly #octets = html('input', { type: 'number', min: 1, max: 1_000_000, value: 100 });
  readonly #sockets: Keyed<SocketView, ReturnType<Panel['socketNode']>>;
  readonly #rules: Keyed<RuleView, ReturnType<Panel['ruleNode']>>;
  readonly #destroyable: Keyed<Destroyable, ReturnType<Panel['destroyNode']>>;
  readonly #card: Card;
  readonly #connect: Control;
  readonly #listen: Control;
  readonly #programs: HTMLElement;
  readonly #save: HTMLElement;
  readonly #enter = new EnterCommands();

  constructor(options: PanelOptions) {
    this.#options = options;
    this.#card = new Card(options.onAct);
    const act = (request: ActRequest) => () => options.onAct(request);
    this.#sockets = new Keyed('div', 'No socket is open.', (socket) => this.socketNode(socket));
    this.#rules = new Keyed('ul', 'No rules.', (rule) => this.ruleNode(rule));
    this.#destroyable = new Keyed('ul', 'No connection.', (socket) => this.destroyNode(socket));
    this.#connect = this.#control('New connection', act({ act: 'connect', host: 'client' }));
    this.#listen = this.#control('Listen', act({ act: 'listen', host: 'server' }));
    this.#programs = this.#programPart();
    const downloads = Object.entries(DOWNLOADS).map(
      ([name, text]) => this.#control(text, () => options.onDownload(name), `Save: ${text}`).element,
    );
    const group = (...content: HTMLElement[]) => html('div', { class: 'controls' }, ...content);
    this.#save = part('Save', group(...downloads));
    this.element = html(
      'section',
      { class: 'panel', 'aria-label': 'Actions', tabindex: -1 },
      this.#card.element,
      part('Sockets', this.#sockets.element, group(html('label', {}, 'Bytes to send ', this.#octets))),
      part('Hosts', group(this.#connect.element, this.#listen.element)),
      part('Rules', this.#rules.element, this.#ruleForm()),
      part('Destroy a socket', this.#destroyable.element),
      this.#programs,
      this.#enter.element,
      this.#save,
      group(this.#control('End this lab', options.onEnd).element),
    );
  }

  /** `isFirst`: it is the lab that a first visit begins with. */
  show(message: LabMessage, isFirst = false): void {
    const { sockets, hosts, view, mayRunPrograms, enterAs } = message;
    this.#card.show(message, isFirst);
    this.#sockets.show(sockets.map((socket) => [`${socket.host} ${socket.socket}`, socket]));
    this.#connect.set(hosts.client.connect);
    this.#listen.set(hosts.server.listen);
    const rules = view.rules.filter(({ liftedMs }) => liftedMs === null);
    this.#rules.show(rules.map((rule) => [String(rule.number), rule]));
    const destroyable = HOSTS.flatMap((host) =>
      hosts[host].destroyable.map((socket) => ({ ...socket, host })),
    );
    this.#destroyable.show(destroyable.map((one) => [`${one.host} ${one.local} ${one.remote}`, one]));
    this.#programs.hidden = !mayRunPrograms;
    this.#enter.show(enterAs);
  }

  /** Whether nothing has been heard of the lab for a while. */
  set isStale(isStale: boolean) {
    this.#card.isStale = isStale;
  }

  /** Stops its timers. */
  end(): void {
    this.#card.end();
  }

  /** The lab has ended: what happened in it can be saved, and nothing else. */
  freeze(): void {
    this.end();
    this.element.replaceChildren(this.#save);
  }

  #control(text: string, press: () => void, label: string = text): Control {
    return new Control(text, label, press, (why) => this.#options.onRefused(`${label}: ${why}`));
  }

  private socketNode({ host, socket }: SocketView) {
    const title = html('h4');
    const controls = SOCKET_ACTS.map(([act, text]) => {
      const request = (): ActRequest =>
        act === 'send' ? { act, host, socket, octets: Number(this.#octets.value) } : { act, host, socket };
      const press = () => this.#options.onAct(request());
      return [act, this.#control(text, press, `${text}: ${host}, socket ${socket}`)] as const;
    });
    const buttons = html('div', { class: 'controls' }, ...controls.map(([, { element }]) => element));
    return {
      element: html('div', { class: `socket of-${host}` }, title, buttons),
      show: ({ state, local, remote, acts }: SocketView) => {
        setText(title, `${host} ${local} ${remote === '*' ? '' : `→ ${remote} `}${state}`);
        for (const [act, control] of controls) control.set(acts[act]);
      },
    };
  }

  private ruleNode({ host, number, hook, text }: RuleView) {
    const count = html('span');
    const label = `Remove: ${host} ${hook}, ${text}`;
    const remove = this.#control(
      'Remove',
      () => this.#options.onAct({ act: 'lift-rule', host, rule: number }),
      label,
    );
    return {
      element: html('li', {}, `${host} ${hook}: `, html('code', {}, text), ' ', count, ' ', remove.element),
      show: ({ counts }: RuleView) =>
        setText(count, `matched ${counted(counts.at(-1)?.packets ?? 0, 'packet')}`),
    };
  }

  private destroyNode({ host, local, remote }: Destroyable) {
    const state = html('span');
    const press = () => this.#options.onAct({ act: 'destroy', host, local, remote });
    const control = this.#control('Destroy', press, `Destroy: ${host} ${local} ${remote}`);
    return {
      element: html('li', {}, `${host} ${local} `, state, ' ', control.element),
      show: (one: Destroyable) => setText(state, one.state),
    };
  }

  #ruleForm(): HTMLElement {
    const host = hostChoice();
    const hook = choice<RuleView['hook']>('match', [
      ['in', 'incoming segments'],
      ['out', 'outgoing segments'],
    ]);
    const fate = choice<Fate>(
      'and',
      FATES.map((name) => [name, name]),
    );
    const boxes = Object.entries(FLAG_NAMES).map(([letter, name]) => {
      const box = html('input', { type: 'checkbox', value: letter });
      return { box, element: html('label', {}, box, ` ${name}`) };
    });
    const set = this.#control('Set rule', () => {
      const flags = boxes.flatMap(({ box }) => (box.checked ? [box.value] : [])).join('');
      this.#options.onAct({
        act: 'set-rule',
        host: host.value,
        hook: hook.value,
        flags,
        fate: fate.value,
      });
    });
    const legend = html('legend', {}, 'With all of these flags (none checked: any segment)');
    return html(
      'div',
      { class: 'controls rule-form' },
      host.element,
      hook.element,
      html('fieldset', {}, legend, ...boxes.map(({ element }) => element)),
      fate.element,
      set.element,
    );
  }

  #programPart(): HTMLElement {
    const host = hostChoice();
    const command = html('input', { type: 'text', maxlength: 4096, spellcheck: 'false' });
    const run = this.#control('Run', () => {
      const text = command.value;
      if (text !== '') this.#options.onAct({ act: 'run', host: host.value, command: text });
    });
    const controls = html(
      'div',
      { class: 'controls' },
      host.element,
      html('label', {}, 'command ', command),
      run.element,
    );
    return part('Run a program', controls);
  }
}

function hostChoice() {
  return choice(
    'On',
    HOSTS.map((name) => [name, name]),
  );
}
