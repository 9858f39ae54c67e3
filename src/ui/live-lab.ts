import { randomBytes } from 'node:crypto';
import { SystemError } from '../error.ts';
import { type Connection, endOf } from '../evidence/connection.ts';
import { type Claimed, type HostName, otherHost } from '../evidence/events.ts';
import { Samples } from '../evidence/samples.ts';
import { Timeline } from '../evidence/timeline.ts';
import { seenOn } from '../evidence/watch/seen-connections.ts';
import { stateInTable } from '../evidence/witness/socket-table.ts';
import { isEnterable } from '../lab/host.ts';
import type { Lab, Tables } from '../lab/lab.ts';
import { announceLab } from '../lab/open-labs.ts';
import { readTcpSysctls } from '../lab/tcp-sysctls.ts';
import { viewOf } from '../report/pages/view.ts';
import type { View } from '../report/pages/view-model.ts';
import { reachState } from '../scenario/reach.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { Turn } from '../scenario/turn.ts';
import type { TcpSysctls } from '../tcp/sysctls.ts';
import { hostActs, openSockets, perform } from './acts.ts';
import { runningTimers, settled } from './countdown.ts';
import type { ActAnswer, ActRequest, LabMessage, LabNews, ViewNews } from './model.ts';
import { newsBetween } from './news.ts';
import { Present } from './present.ts';
import { Refusal, reportFault } from './refusal.ts';

/** What the kernel answers to an act comes at once, or when a timer of a few milliseconds fires. */
const LOOKS_AFTER_ACT_MS = [2, 10, 45];
const LOOK_EVERY_MS = 200;

const NO_NEWS: ViewNews = { values: {}, lists: {} };

/** A page that is further behind is sent the whole. */
const VIEWS_KEPT = 32;

/** That had a name of their own. */
let labs = 0;

/** A lab that a page shows and controls. */
export class LiveLab implements AsyncDisposable {
  readonly id: string = randomBytes(12).toString('base64url');
  readonly scenario: Scenario;
  readonly lab: Lab;
  readonly #sysctls: Record<HostName, TcpSysctls>;
  readonly #mayRunPrograms: boolean;
  readonly #enterAs: string | null;
  #announced: Disposable | undefined;
  readonly #turn = new Turn();
  readonly #watchers = new Set<() => void>();
  /** When the last watcher left, on the clock of this process. */
  unwatchedMs = 0;
  readonly #claim: Claimed | undefined;
  #hold: Samples | undefined;
  /** All looks at the tables, and when the last one began. */
  readonly #looks: Samples;
  #lookedMs: number;
  readonly #present = new Present();
  #message: LabMessage | undefined;
  #restText: string | undefined;
  /** The connection that the page shows: the one that was claimed, until the user chooses another or opens a new one. */
  #shown: Connection | undefined;
  #viewed: { events: number; view: View; shown: Connection | undefined } | undefined;
  /** Of the last revisions, by their numbers. */
  readonly #views = new Map<number, View>();
  #tables: Tables = { client: [], server: [] };
  #drops = false;
  #soon: number[] = [];
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;

  private constructor(
    lab: Lab,
    scenario: Scenario,
    sysctls: Record<HostName, TcpSysctls>,
    mayRunPrograms: boolean,
  ) {
    this.lab = lab;
    this.scenario = scenario;
    this.#sysctls = sysctls;
    this.#mayRunPrograms = mayRunPrograms;
    const canBeEntered = isEnterable(lab.client) && isEnterable(lab.server);
    this.#enterAs = canBeEntered ? `ui-${process.pid}-${++labs}` : null;
    if (this.#enterAs !== null) this.#announced = announceLab(lab, this.#enterAs, new Date());
    this.#claim = lab.timeline.of('claimed')[0];
    this.#shown = this.#claim?.connection;
    if (this.#claim) this.#hold = new Samples(this.#claim.atMs);
    this.#lookedMs = lab.nowMs();
    this.#looks = new Samples(this.#lookedMs);
    this.#drops = true;
    lab.timeline.follow(({ type }) => {
      if (type === 'dropped') this.#drops = true;
    });
  }

  /** Takes a fresh lab to where the scenario has it; whatever happens, it is this one's to end from now on. */
  static async open(lab: Lab, scenario: Scenario, mayRunPrograms: boolean): Promise<LiveLab> {
    try {
      await reachState(lab, scenario);
      const sysctls = { client: await readTcpSysctls(lab.client), server: await readTcpSysctls(lab.server) };
      const live = new LiveLab(lab, scenario, sysctls, mayRunPrograms);
      await live.#inTurn(() => live.#look());
      return live;
    } catch (error) {
      await lab[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** As it was last seen. */
  get message(): LabMessage {
    return { ...(this.#message as LabMessage), nowMs: this.lab.nowMs() };
  }

  /** The same, for a client that has the message of that revision. */
  messageSince(revision: number): LabMessage | LabNews {
    const before = this.#views.get(revision);
    if (!before) return this.message;
    const { view, ...rest } = this.message;
    return { ...rest, since: revision, news: newsBetween(before, view) ?? NO_NEWS };
  }

  /** Calls `watcher` on every change. The lab is polled while it has watchers. Returns a function that ends the watch. */
  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    this.#lookAfter(0);
    return () => {
      this.#watchers.delete(watcher);
      this.unwatchedMs = performance.now();
    };
  }

  get watchers(): number {
    return this.#watchers.size;
  }

  get isWatched(): boolean {
    return this.watchers > 0;
  }

  /** Performs an action and reads its effect, for a client that has the message of that revision. */
  async act(request: ActRequest, since = 0): Promise<ActAnswer> {
    let refused: string | null = null;
    await this.#inTurn(async () => {
      await this.#look();
      if (request.act === 'show') {
        this.#show(request.connection);
        return this.#publish();
      }
      const { length: before } = seenOn(this.lab.timeline).connections;
      try {
        await perform(this.lab, request, this.#tables);
        this.#endHold();
      } catch (error) {
        if (!(error instanceof SystemError)) throw error;
        this.#endHold();
        refused = error.message;
      } finally {
        await this.#look();
        const { length: after } = seenOn(this.lab.timeline).connections;
        if (request.act === 'connect' && after > before) {
          this.#show(after);
          await this.#publish();
        }
      }
    });
    this.#soon = [...LOOKS_AFTER_ACT_MS];
    this.#lookAfter(this.#soon.shift() ?? LOOK_EVERY_MS);
    return { ...this.messageSince(since), refused };
  }

  #show(number: number): void {
    const seen = seenOn(this.lab.timeline).connections.find((one) => one.number === number);
    if (!seen) throw new Refusal(409, `this lab has no connection ${number}`);
    this.#shown = seen.connection;
  }

  /** Brings the timeline up to now, and returns it with the hold so far; of a lab that has ended, all that there was. */
  async recorded(): Promise<Timeline> {
    if (!this.#isOver) await this.#inTurn(() => this.#look());
    return this.#timelineSoFar();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#announced?.[Symbol.dispose]();
    this.#announced = undefined;
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    const pass = await this.#turn.take();
    await this.lab[Symbol.asyncDispose]();
    pass();
    for (const watcher of this.#watchers) watcher();
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** One thing after the other: between two steps of an act, nothing else is done. */
  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const pass = await this.#turn.take();
    try {
      if (this.#isOver) throw new Refusal(404, 'this lab has ended');
      return await work();
    } finally {
      pass();
    }
  }

  #lookAfter(ms: number): void {
    clearTimeout(this.#timer);
    if (this.#isOver || !this.isWatched) return;
    this.#timer = setTimeout(async () => {
      try {
        await this.#inTurn(() => this.#look());
      } catch (error) {
        if (!(error instanceof Refusal)) {
          reportFault(error);
          await this[Symbol.asyncDispose]();
        }
      }
      this.#lookAfter(this.#soon.shift() ?? LOOK_EVERY_MS);
    }, ms);
  }

  async #look(): Promise<void> {
    const { lab } = this;
    const beganMs = lab.nowMs();
    this.#tables = await lab.observe();
    this.#lookedMs = beganMs;
    this.#looks.add(lab.nowMs());
    // Counted only when there is something to count, so that reading a timeline does not make it grow.
    if (this.#drops) {
      this.#drops = false;
      await lab.client.countRules();
      await lab.server.countRules();
    }
    this.#follow(this.#tables);
    await this.#publish();
  }

  /** The claim is held for as long as it is seen to be true, and ends with the first act. */
  #follow(tables: Tables): void {
    const [claim, hold] = [this.#claim, this.#hold];
    if (!claim || !hold) return;
    const peer = otherHost(claim.held.host);
    const isIn = (name: HostName, state: typeof claim.peer) => {
      const end = endOf(claim.connection, name, state ?? 'CLOSED');
      return state === null || stateInTable(tables[end.host], end) === state;
    };
    if (isIn(claim.held.host, claim.held.state) && isIn(peer, claim.peer)) {
      hold.add(this.lab.nowMs());
    } else {
      this.#endHold();
    }
  }

  #endHold(): void {
    if (this.#hold) this.lab.timeline.add(this.#hold.held(this.#hold.lastMs));
    this.#hold = undefined;
  }

  #timelineSoFar(): Timeline {
    if (!this.#hold) return this.lab.timeline;
    const copy = new Timeline();
    for (const event of this.lab.timeline.withGaps()) copy.add(event);
    copy.add(this.#hold.held(this.#hold.lastMs));
    return copy;
  }

  #view(): View {
    const events = this.lab.timeline.added;
    const shown = this.#shown;
    if (this.#viewed?.events === events && this.#viewed.shown === shown) return this.#viewed.view;
    const { id: name, title } = this.scenario;
    const hold = this.#hold?.held(this.#hold.lastMs);
    const view = viewOf(this.lab.timeline, { name, title }, hold, shown);
    if (this.#hold && view.hold) view.hold.toMs = null;
    this.#viewed = { events, view, shown };
    return view;
  }

  /** Calls the watchers if anything is new. */
  async #publish(): Promise<void> {
    const [lab, tables, nowMs] = [this.lab, this.#tables, this.lab.nowMs()];
    const view = this.#view();
    const looks = this.#looks.looks(this.#lookedMs);
    const rest = {
      connections: this.#present.connections(lab.timeline, this.#shown, looks),
      listeners: this.#present.listeners(lab.timeline, looks),
      sockets: await openSockets(lab, tables),
      timers: settled(runningTimers(lab.timeline, tables, this.#sysctls, nowMs), this.#message?.timers ?? []),
      hosts: hostActs(lab, tables),
    };
    const restText = JSON.stringify(rest);
    const before = this.#message?.view;
    const isNew = !before || (before !== view && newsBetween(before, view)) || restText !== this.#restText;
    this.#restText = restText;
    if (!isNew) return;
    const revision = (this.#message?.revision ?? 0) + 1;
    this.#message = {
      id: this.id,
      revision,
      nowMs,
      mayRunPrograms: this.#mayRunPrograms,
      enterAs: this.#enterAs,
      view,
      ...rest,
    };
    this.#views.set(revision, view);
    this.#views.delete(revision - VIEWS_KEPT);
    for (const watcher of this.#watchers) watcher();
  }
}
