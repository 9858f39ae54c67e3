import { HOSTS } from '../evidence/host-name.ts';
import type { Change, View } from '../report/pages/view-model.ts';
import { formatTime } from '../report/words/time.ts';
import { Diagram } from './diagram.ts';
import { Firewall } from './firewall.ts';
import { Ladder } from './ladder.ts';
import { html, newId, setText } from './nodes.ts';
import { Player } from './player.ts';
import { endLine, type Now, witnessesNow } from './present.ts';
import { Scrubber } from './scrubber.ts';
import { Tables } from './tables.ts';
import { verdictLine } from './verdict-line.ts';
import { ViewTimeline } from './view-timeline.ts';
import { witnessTable } from './witnesses.ts';

type State = Change['from'];

interface SceneOptions {
  /** The view grows: the cursor follows its end until the user moves it. */
  live: boolean;
  /** What a click on a state does; without it the states are a picture. */
  onState?: (state: State) => void;
}

/** One lab on a page: all that a view contains, at the time of one cursor. */
export interface Scene {
  readonly element: HTMLElement;
  /**
   * Shows a view, or a longer one of the same lab; scroll, focus and cursor stay. `nowMs`: on the lab's clock; default: its end.
   * `now`: the present of a lab that runs.
   */
  show(view: View, nowMs?: number, now?: Now): void;
  seek(atMs: number): void;
  /** Plays it from its beginning. */
  play(): void;
  /** What is shown is no longer of the present. */
  end(): void;
}

const TICK_MS = 250;

export function createScene(options: SceneOptions): Scene {
  return new LabScene(options);
}

class LabScene implements Scene {
  readonly element: HTMLElement;
  readonly #live: boolean;
  readonly #title = html('h2', { id: newId('scene') });
  readonly #verdict = html('p', { class: 'verdict' });
  readonly #diagram: Diagram;
  readonly #ladder: Ladder;
  readonly #tables = new Tables();
  readonly #firewall = new Firewall();
  readonly #witnesses = html('div');
  readonly #scrubber: Scrubber;
  readonly #player: Player;
  #timeline: ViewTimeline | undefined;
  #waiting: View | undefined;
  #now: Now | undefined;
  #said = '';
  #step = 0;
  #follows: boolean;
  #frame = 0;
  /** The lab's clock, less this page's. */
  #aheadMs = 0;
  #ticking: ReturnType<typeof setTimeout> | undefined;

  constructor({ live, onState }: SceneOptions) {
    this.#live = live;
    this.#follows = live;
    this.#diagram = new Diagram(onState);
    this.#ladder = new Ladder({ onSeek: (atMs) => this.seek(atMs) });
    this.#player = new Player({
      next: () => this.#gapAfter(this.#step),
      advance: () => this.#goTo(this.#step + 1),
      changed: () => this.#later(),
    });
    this.#scrubber = new Scrubber({
      onStep: (step) => {
        this.#player.stop();
        this.#goTo(step);
      },
      onPlay: () => this.#toggle(),
    });
    const part = (name: string, title: string, ...content: HTMLElement[]) =>
      html('section', { class: `part ${name}` }, html('h3', {}, title), ...content);
    this.element = html(
      'section',
      { class: 'scene', 'aria-labelledby': this.#title.id },
      html('header', {}, this.#title, this.#verdict),
      this.#scrubber.element,
      part('of-diagram', 'States', this.#diagram.element),
      part('of-ladder', 'What happened', this.#ladder.element),
      part('of-tables', 'Sockets', this.#tables.element),
      part('of-firewall', 'Firewall', this.#firewall.element),
      part('of-witnesses', 'Witnesses', this.#witnesses),
    );
    this.element.addEventListener('keydown', (event) => this.#key(event));
  }

  show(view: View, nowMs: number = view.toMs, now?: Now): void {
    this.#aheadMs = nowMs - performance.now();
    this.#now = now;
    this.#drawNow(view);
    if (view === (this.#waiting ?? this.#timeline?.view)) return;
    this.#waiting = view;
    this.#later();
  }

  seek(atMs: number): void {
    this.#takeIn();
    this.#player.stop();
    if (this.#timeline) this.#goTo(this.#timeline.stepAt(atMs));
  }

  /** Takes the latest of the views received since the last frame. */
  #takeIn(): void {
    const view = this.#waiting;
    if (!view) return;
    this.#waiting = undefined;
    const before = this.#timeline;
    const atMs = before?.steps[this.#step];
    this.#timeline = new ViewTimeline(view);
    setText(this.#title, view.title === '' ? view.name : `${view.name}: ${view.title}`);
    this.#diagram.show(this.#timeline);
    this.#ladder.show(this.#timeline);
    const last = this.#timeline.steps.length - 1;
    this.#step = this.#follows || atMs === undefined ? last : this.#timeline.stepAt(atMs);
  }

  /** While a state is held, its verdict is of the present, as is what the witnesses see: both count on. */
  #drawNow(view: View): void {
    const nowMs = performance.now() + this.#aheadMs;
    const isHeld = this.#live && view.hold?.toMs === null;
    const past = this.#live && !isHeld ? ' past' : '';
    this.#verdict.className = `verdict ${view.verdict?.word ?? 'none'}${past}`;
    setText(this.#verdict, verdictLine(view, nowMs));
    const now = this.#now;
    const witnesses = now ? witnessesNow(now) : view.witnesses;
    const said = JSON.stringify(witnesses);
    if (said !== this.#said) this.#witnesses.replaceChildren(witnessTable(witnesses));
    this.#said = said;
    clearTimeout(this.#ticking);
    if (!now) return;
    for (const host of HOSTS) this.#diagram.say(host, endLine(now, host, nowMs));
    this.#ticking = setTimeout(() => this.#drawNow(view), TICK_MS);
  }

  end(): void {
    clearTimeout(this.#ticking);
  }

  play(): void {
    this.#takeIn();
    this.#goTo(0);
    this.#toggle();
  }

  #goTo(step: number): void {
    const last = (this.#timeline?.steps.length ?? 1) - 1;
    this.#step = Math.max(0, Math.min(last, step));
    this.#follows = this.#live && this.#step === last;
    this.#later();
  }

  #toggle(): void {
    const last = (this.#timeline?.steps.length ?? 1) - 1;
    if (!this.#player.isPlaying && this.#step === last) this.#goTo(0);
    this.#player.toggle();
  }

  /** How long until the next step, as it was; undefined at the end. */
  #gapAfter(step: number): number | undefined {
    const [now, next] = [this.#timeline?.steps[step], this.#timeline?.steps[step + 1]];
    return now === undefined || next === undefined ? undefined : next - now;
  }

  #key(event: KeyboardEvent): void {
    const target = event.target as HTMLElement;
    if (event.altKey || event.ctrlKey || event.metaKey || target.matches('textarea, select')) return;
    const isButton = target.closest('button, summary, a, [role=button]') !== null;
    if (target.matches('input:not([type=range])')) return;
    const moves: Record<string, () => void> = {
      ArrowLeft: () => this.#goTo(this.#step - 1),
      ArrowUp: () => this.#goTo(this.#step - 1),
      ArrowRight: () => this.#goTo(this.#step + 1),
      ArrowDown: () => this.#goTo(this.#step + 1),
      Home: () => this.#goTo(0),
      End: () => this.#goTo(Number.POSITIVE_INFINITY),
    };
    const move = moves[event.key];
    if (move) this.#player.stop();
    else if (event.key !== ' ' || isButton) return;
    event.preventDefault();
    if (move) move();
    else this.#toggle();
  }

  /** However often something changes, it is drawn once a frame. */
  #later(): void {
    if (this.#frame !== 0) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.#draw();
    });
  }

  #draw(): void {
    this.#takeIn();
    const timeline = this.#timeline;
    if (!timeline) return;
    const last = timeline.steps.length - 1;
    const atMs = timeline.steps[this.#step] ?? timeline.view.toMs;
    this.#diagram.draw(timeline, atMs);
    this.#ladder.draw(atMs, this.#follows && this.#step === last);
    this.#tables.draw(timeline, atMs);
    this.#firewall.draw(timeline, atMs);
    const text = formatTime(atMs - timeline.view.fromMs);
    this.#scrubber.draw(this.#step, timeline.steps.length, text, this.#player.isPlaying);
    this.element.dataset['atMs'] = String(atMs);
  }
}
