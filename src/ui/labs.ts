import type { LabOptions } from '../lab/lab.ts';
import { CATALOGUE, scenariosOf } from '../scenario/catalogue.ts';
import { Turn } from '../scenario/turn.ts';
import { LiveLab } from './live-lab.ts';
import type { CreateRequest } from './model.ts';
import { Refusal, reportFault } from './refusal.ts';
import { Spare } from './spare.ts';

interface LabsOptions {
  most: number;
  /** How long a lab without watchers lasts. */
  unwatchedMs: number;
  mayRunPrograms: boolean;
  /** Where the hosts of each are. */
  lab: LabOptions;
}

interface Kept {
  live: LiveLab;
  /** Ends it, when it was not watched for long enough. */
  end: NodeJS.Timeout | undefined;
  /** Whether a page has shown it. */
  wasWatched: boolean;
}

/** So many labs that have ended can still be saved. */
const ENDED_KEPT = 4;

/** The labs that are open, by their ids. */
export class Labs implements AsyncDisposable {
  readonly #options: LabsOptions;
  readonly #labs = new Map<string, Kept>();
  readonly #ended = new Map<string, LiveLab>();
  /** Those that are on their way to their states. */
  #opening = 0;
  readonly #turn = new Turn();
  readonly #spare: Spare;
  #isOver = false;

  constructor(options: LabsOptions) {
    this.#options = options;
    this.#spare = new Spare(options.lab);
  }

  get count(): number {
    return this.#labs.size + this.#opening;
  }

  /** The ids of those that are open, the newest first. */
  get ids(): string[] {
    return [...this.#labs.keys()].reverse();
  }

  get(id: string): LiveLab {
    const kept = this.#labs.get(id);
    if (!kept)
      throw new Refusal(404, 'this lab has ended: a lab ends after a minute in which no page shows it');
    return kept.live;
  }

  /** The same, or one that has ended not long ago: what happened in it can be saved. */
  getRecorded(id: string): LiveLab {
    return this.#ended.get(id) ?? this.get(id);
  }

  /** A fresh lab in a scenario, or in the first one of a state. */
  async create({ replaces, ...goal }: CreateRequest): Promise<LiveLab> {
    const scenario =
      'scenario' in goal ? CATALOGUE.find(({ id }) => id === goal.scenario) : scenariosOf(goal.state)[0];
    if (!scenario)
      throw new Refusal(
        404,
        'scenario' in goal ? `no scenario is named '${goal.scenario}'` : `no scenario holds ${goal.state}`,
      );
    const { most, mayRunPrograms } = this.#options;
    const isReplaced = replaces !== null && this.#isReplaceable(replaces);
    if (this.count - (isReplaced ? 1 : 0) >= most && !(await this.#makeRoom())) {
      const hint = 'close a tab, or start `tcplab ui` with a higher --max-labs';
      throw new Refusal(429, `${most} ${most === 1 ? 'lab is' : 'labs are'} already open: ${hint}`);
    }
    this.#opening++;
    const pass = await this.#turn.take();
    try {
      const live = await LiveLab.open(await this.#spare.take(), scenario, mayRunPrograms);
      if (this.#isOver) {
        await live[Symbol.asyncDispose]();
        throw new Refusal(503, 'tcplab is stopping');
      }
      this.#labs.set(live.id, { live, end: undefined, wasWatched: false });
      this.#unwatched(live.id);
      // The user's click need not wait for the rest.
      setImmediate(() => this.#afterwards(isReplaced ? replaces : null).catch(reportFault));
      return live;
    } finally {
      this.#opening--;
      pass();
    }
  }

  /** Watches a lab, which lasts at least as long. Returns a function that ends the watch. */
  watch(id: string, watcher: () => void): () => void {
    const live = this.get(id);
    const stop = live.watch(watcher);
    const kept = this.#labs.get(id);
    if (kept) {
      clearTimeout(kept.end);
      kept.wasWatched = true;
    }
    return () => {
      stop();
      if (!live.isWatched) this.#unwatched(id);
    };
  }

  async end(id: string): Promise<void> {
    const kept = this.#labs.get(id);
    this.#labs.delete(id);
    if (kept) {
      clearTimeout(kept.end);
      this.#ended.set(id, kept.live);
      const [oldest] = this.#ended.keys();
      if (this.#ended.size > ENDED_KEPT && oldest !== undefined) this.#ended.delete(oldest);
      await kept.live[Symbol.asyncDispose]();
    }
    if (this.count === 0) await this.#spare.drop();
  }

  /** Another page may show it as well, and goes on with it. */
  #isReplaceable(id: string): boolean {
    const kept = this.#labs.get(id);
    return kept !== undefined && kept.live.watchers <= 1;
  }

  /** Ends the lab that no page has shown for the longest; false if there is none. */
  async #makeRoom(): Promise<boolean> {
    const [left] = [...this.#labs.values()]
      .filter(({ live, wasWatched }) => wasWatched && !live.isWatched)
      .sort((one, other) => one.live.unwatchedMs - other.live.unwatchedMs);
    if (left) await this.end(left.live.id);
    return left !== undefined;
  }

  async #afterwards(replaced: string | null): Promise<void> {
    if (replaced !== null) await this.end(replaced);
    if (this.count > 0 && !this.#isOver) this.#spare.prepare();
  }

  #unwatched(id: string): void {
    const kept = this.#labs.get(id);
    if (!kept) return;
    clearTimeout(kept.end);
    kept.end = setTimeout(() => this.end(id).catch(reportFault), this.#options.unwatchedMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await Promise.all([...this.#labs.keys()].map((id) => this.end(id)));
    await this.#spare.drop();
  }
}
