import type { View } from '../report/pages/view-model.ts';
import type { ActRequest, Goal, LabMessage, ScenarioChoice } from '../ui/model.ts';
import { parseHash, takeToken } from './access.ts';
import { Api, UNREACHABLE } from './api.ts';
import { Keys } from './keys.ts';
import { html, setAttribute, setText } from './nodes.ts';
import { Panel } from './panel.ts';
import { createScene, type Scene } from './scene.ts';

type State = ScenarioChoice['state'];

/** The id of the lab that this tab shows. */
const KEPT_LAB = 'tcplab-lab';

/** Nothing has happened yet: the diagram alone. */
const NOTHING: View = {
  ...{ name: 'No lab is open', title: '', verdict: null, held: null, hold: null },
  hosts: { client: { endpoint: '' }, server: { endpoint: '' } },
  ...{ fromMs: 0, toMs: 0, initial: { client: 'CLOSED', server: 'CLOSED' } },
  ...{ changes: [], flights: [], acts: [], rules: [], tables: [], witnesses: [], notes: [] },
};

/** The page: a scene, and the panel of actions. */
class LivePage {
  readonly #api: Api;
  readonly #main: HTMLElement;
  readonly #head: HTMLElement;
  readonly #news = html('p', { class: 'news', role: 'status' });
  readonly #trouble = html('p', { class: 'trouble', role: 'alert' });
  readonly #scenarios = html('div');
  readonly #place = html('div', { class: 'live-place' });
  #scene: Scene;
  #panel: Panel | undefined;
  #message: LabMessage | undefined;
  #stop = new AbortController();
  #isBusy = false;
  /** What a first visit begins with, and whether that is shown. */
  #first: Goal | undefined;
  #isFirst = false;
  /** The last state that was asked for while another one is opened. */
  #wanted: Goal | undefined;

  constructor(api: Api, head: HTMLElement, main: HTMLElement) {
    this.#api = api;
    this.#head = head;
    this.#main = main;
    this.#scene = this.#newScene();
    this.#main.replaceChildren(this.#trouble, this.#place);
    this.#head.append(this.#scenarios, new Keys().element, this.#news);
    this.#leave();
  }

  #newScene(): Scene {
    return createScene({ live: true, onState: (state) => void this.#goTo({ state }) });
  }

  /** The lab that this tab showed before it was loaded again; else the scenario of its address; else the newest lab that is open. */
  async resume(scenario: string | null): Promise<void> {
    const kept = sessionStorage.getItem(KEPT_LAB);
    try {
      void this.#offerScenarios();
      const ids = await this.#api.labs();
      if (kept !== null && ids.includes(kept)) ids.unshift(kept);
      // One that was open a moment ago may have ended.
      let message: LabMessage | undefined;
      for (const id of ids) message ??= await this.#api.look(id);
      const isSame = message?.id === kept && message?.view.name === scenario;
      if (scenario !== null && !isSame) return this.#goTo({ scenario });
      // The user may have chosen a state meanwhile.
      if (this.#isBusy || this.#message) return;
      if (message) this.#enter(message);
      else if (kept === null) await this.#welcome();
      else setText(this.#trouble, 'The lab that was shown here has ended.');
    } catch (error) {
      this.#say(error);
    }
  }

  /** A first visit: a connection that is there at once, and how it came about. */
  async #welcome(): Promise<void> {
    const goal = { scenario: 'established' };
    this.#first = goal;
    await this.#goTo(goal);
    if (this.#isFirst) this.#scene.play();
  }

  /** All scenarios, below the states that they hold. */
  async #offerScenarios(): Promise<void> {
    const scenarios = await this.#api.scenarios();
    const states = [...new Set(scenarios.map(({ state }) => state))];
    const groups = states.map((state) =>
      html(
        'optgroup',
        { label: state },
        ...scenarios
          .filter((one) => one.state === state)
          .map(({ id, title }) => html('option', { value: id }, `${id}: ${title}`)),
      ),
    );
    const select = html('select', {}, html('option', { value: '' }, 'Open a scenario …'), ...groups);
    select.addEventListener('change', () => {
      const scenario = select.value;
      select.value = '';
      if (scenario !== '') void this.#goTo({ scenario });
    });
    this.#scenarios.replaceChildren(html('label', {}, 'Scenarios ', select));
  }

  /** A fresh lab, in place of the one that is there. Of several that are asked for meanwhile, the last one. */
  async #goTo(goal: Goal): Promise<void> {
    this.#wanted = goal;
    setText(this.#news, `Opening ${'scenario' in goal ? goal.scenario : goal.state} …`);
    if (this.#isBusy) return;
    this.#isBusy = true;
    setAttribute(this.#main, 'aria-busy', 'true');
    try {
      for (let next = this.#takeWanted(); next; next = this.#takeWanted()) {
        const message = await this.#api.create({ ...next, replaces: this.#message?.id ?? null });
        const focused = stateWithFocus(this.#scene.element);
        this.#isFirst = next === this.#first;
        this.#enter(message);
        if (focused !== undefined) focusState(this.#scene.element, focused);
      }
    } catch (error) {
      this.#wanted = undefined;
      this.#sayStates();
      this.#say(error);
    } finally {
      this.#isBusy = false;
      setAttribute(this.#main, 'aria-busy', null);
    }
  }

  #takeWanted(): Goal | undefined {
    const wanted = this.#wanted;
    this.#wanted = undefined;
    return wanted;
  }

  #enter(message: LabMessage): void {
    this.#close();
    this.#scene = this.#newScene();
    this.#panel = new Panel({
      onAct: (request) => void this.#act(request),
      onRefused: (why) => setText(this.#trouble, why),
      onDownload: (name) => void this.#download(name),
      onEnd: () => void this.#end(),
    });
    this.#place.className = 'live-place';
    this.#place.replaceChildren(this.#scene.element, this.#panel.element);
    setText(this.#trouble, '');
    sessionStorage.setItem(KEPT_LAB, message.id);
    // An address that can be passed on: it has no token.
    history.replaceState(null, '', `#scenario=${message.view.name}`);
    this.#show(message);
    const stop = new AbortController();
    this.#stop = stop;
    void this.#api.follow(
      message,
      {
        onMessage: (next) => this.#show(next),
        onOver: (why) => {
          if (stop.signal.aborted) return;
          this.#freeze();
          setText(this.#trouble, why);
        },
        onConnected: (isConnected) => {
          if (this.#panel) this.#panel.isStale = !isConnected;
          if (!isConnected) this.#scene.end();
          this.#place.classList.toggle('is-stale', !isConnected);
          setText(
            this.#trouble,
            isConnected ? '' : `${UNREACHABLE}. This is what was last seen. Reconnecting …`,
          );
        },
      },
      stop.signal,
    );
  }

  #show(message: LabMessage): void {
    const last = this.#message;
    // The response to an action and the stream have the same content: the second to arrive has nothing new.
    if (last?.id === message.id && message.revision <= last.revision) return;
    this.#message = message;
    this.#scene.show(message.view, message.nowMs, message);
    this.#panel?.show(message, this.#isFirst);
    const { client, server } = {
      client: stateNow(message.view, 'client'),
      server: stateNow(message.view, 'server'),
    };
    this.#sayStates();
    Object.assign(this.#main.dataset, { lab: message.id, revision: message.revision, client, server });
  }

  #sayStates(): void {
    const view = this.#message?.view;
    if (this.#wanted !== undefined) return;
    setText(
      this.#news,
      view
        ? `client ${stateNow(view, 'client')}, server ${stateNow(view, 'server')}`
        : 'Choose a state in the diagram.',
    );
  }

  async #act(request: ActRequest): Promise<void> {
    const before = this.#message;
    if (!before) return;
    try {
      const [message, refused] = await this.#api.act(before, request);
      if (this.#message?.id !== before.id) return;
      this.#show(message);
      setText(this.#trouble, refused ?? '');
    } catch (error) {
      this.#say(error);
    }
  }

  async #download(name: string): Promise<void> {
    const message = this.#message;
    if (!message) return;
    try {
      const url = URL.createObjectURL(await this.#api.download(message.id, name));
      html('a', { href: url, download: `${message.view.name}.${name}` }).click();
      setTimeout(() => URL.revokeObjectURL(url), 60_000);
    } catch (error) {
      this.#say(error);
    }
  }

  async #end(): Promise<void> {
    const id = this.#message?.id;
    if (id === undefined) return;
    try {
      await this.#api.end(id);
      this.#freeze();
      setText(this.#trouble, 'This lab has ended.');
    } catch (error) {
      this.#say(error);
    }
  }

  /** Ends what belongs to the lab that is shown. */
  #close(): void {
    this.#stop.abort();
    this.#panel?.end();
    this.#scene.end();
    this.#message = undefined;
  }

  /** The lab has ended: its last scene stays, until another one is chosen. */
  #freeze(): void {
    this.#stop.abort();
    this.#panel?.freeze();
    this.#scene.end();
    this.#place.classList.add('is-over');
    sessionStorage.removeItem(KEPT_LAB);
    const view = this.#message?.view;
    if (view)
      setText(
        this.#news,
        `at the end: client ${stateNow(view, 'client')}, server ${stateNow(view, 'server')}`,
      );
  }

  #leave(): void {
    this.#close();
    this.#panel = undefined;
    this.#scene = this.#newScene();
    this.#scene.show(NOTHING);
    this.#place.className = 'live-place no-lab';
    this.#place.replaceChildren(this.#scene.element);
    for (const name of ['lab', 'revision', 'client', 'server']) delete this.#main.dataset[name];
    this.#sayStates();
    setText(this.#trouble, '');
  }

  #say(error: unknown): void {
    setText(this.#trouble, error instanceof Error ? error.message : String(error));
  }
}

function stateNow({ changes, initial }: View, host: 'client' | 'server'): State {
  return changes.findLast((change) => change.host === host)?.to ?? initial[host];
}

/** The states of a new diagram are new nodes: keyboard focus moves to the node of the same state. */
function stateWithFocus(scene: HTMLElement): string | undefined {
  const { activeElement } = document;
  if (!activeElement || !scene.contains(activeElement)) return undefined;
  return activeElement.getAttribute('data-state') ?? undefined;
}

function focusState(scene: HTMLElement, state: string): void {
  scene.querySelector<HTMLElement | SVGElement>(`[data-state="${CSS.escape(state)}"]`)?.focus();
}

/** What the address says, which is then free of the token. */
function takeHash(): ReturnType<typeof parseHash> {
  const said = parseHash(location.hash);
  history.replaceState(null, '', said.scenario === null ? location.pathname : `#scenario=${said.scenario}`);
  return said;
}

const main = document.getElementById('live');
const head = document.querySelector<HTMLElement>('.live-head');
const said = takeHash();
const token = await takeToken(said.token);
if (main && head && token !== null) {
  const page = new LivePage(new Api(token), head, main);
  void page.resume(said.scenario);
  addEventListener('hashchange', () => void page.resume(takeHash().scenario));
} else if (main)
  main.textContent =
    'This page needs its access token. Open the complete URL that `tcplab ui` printed, including the part after #.';
