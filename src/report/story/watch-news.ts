import type { HostName } from '../../evidence/events.ts';
import { PassageFeed } from '../../evidence/segments.ts';
import type { Timeline } from '../../evidence/timeline.ts';
import type { VerdictWord } from '../../evidence/verdict.ts';
import { type Holder, holdersOf } from '../../evidence/watch/holders.ts';
import {
  type SeenConnection,
  type SeenEnd,
  type Stay,
  seenOn,
} from '../../evidence/watch/seen-connections.ts';
import { isOpen, judgeStay, type Looks } from '../../evidence/watch/view.ts';
import { formatEndpoint } from '../../tcp/endpoint.ts';
import type { State } from '../../tcp/state.ts';
import {
  type SegmentReport,
  segmentReports,
  type WitnessKey,
  type WitnessReport,
  witnessReports,
} from './result.ts';
import { RuleChanges, type RuleNews } from './rule-changes.ts';

/** A state is judged when it has lasted so long, as in a run; one that is over sooner, when it is over. */
const HELD_MS = 100;

/** Something new in a lab that is watched, as on a line of `--json`. `connection`: its number, from 1. */
export type WatchNews =
  | { news: 'connection'; atMs: number; connection: number; client: string; server: string }
  | ({ news: 'segment'; connection: number } & SegmentReport)
  | StateNews
  | RuleNews
  | { news: 'lost'; atMs: number; witness: 'packets' | 'kernel-events'; host: HostName | null; what: string };

/** What the witnesses report about a state in which an end was found, or a listener: when it is judged, and when that changes. */
export interface StateNews {
  news: 'state';
  /** When this became known: with the first verdict when a look first showed the state, at the end when the last one did. */
  atMs: number;
  /** When a look first showed it. */
  fromMs: number;
  host: HostName;
  /** Null for a listener, and for an end of a connection within one host. */
  connection: number | null;
  address: string;
  /** The other end of a connection within one host; absent of all else. */
  remote?: string;
  state: State;
  verdict: VerdictWord;
  /** Why it is not proven. */
  because: string | null;
  witnesses: Partial<Record<WitnessKey, WitnessReport>>;
  heldMs: number;
  /** Whether this is the first news of it. */
  isNew: boolean;
  /** Whether the end is no longer in it. */
  isOver: boolean;
  /** The processes that have its socket open. None: it was never accepted, or closed; or they were not found. */
  processes: Holder[];
  /** Whether the kernel shows no descriptor of it. */
  hasNoDescriptor: boolean;
}

/** A verdict that took so long is not asked for again before so many times that have passed. */
const PATIENCE = 50;
const SOONEST_MS = 200;

interface Told {
  word: VerdictWord;
  /** What of it is news when it changes. */
  shown: string;
  added: number;
  againMs: number;
}

/** Gives what is new on the timeline of a lab that is watched, each time once. Of the same timeline it gives the same. */
export class WatchNewsFeed {
  readonly #feeds = new Map<SeenConnection, PassageFeed>();
  readonly #told = new Map<Stay, Told>();
  /** Those that are over and told. */
  readonly #over = new WeakSet<Stay>();
  /** Connections of which nothing was left to tell, and when something was last seen of them. */
  readonly #done = new Map<SeenConnection, number>();
  readonly #rules = new RuleChanges();
  #lost = 0;

  /** `looks`: how long it was watched so far. `isOver`: nothing comes after that. */
  next(timeline: Timeline, looks: Looks, isOver = false): WatchNews[] {
    const news: WatchNews[] = [];
    const { connections, listeners, inside } = seenOn(timeline);
    news.push(...this.#rules.next(timeline));
    for (const end of [...listeners, ...inside])
      news.push(...this.#newStates(timeline, end, null, looks, isOver));
    for (const seen of connections)
      if (this.#done.get(seen) !== seen.lastMs) news.push(...this.#of(timeline, seen, looks, isOver));
    const lost = timeline.of('lost');
    for (const { atMs, witness, host, what } of lost.slice(this.#lost))
      news.push({ news: 'lost', atMs, witness, host, what });
    this.#lost = lost.length;
    return news.sort((a, b) => a.atMs - b.atMs);
  }

  /** The verdict on a stay that was last told; undefined before the first. */
  verdictOf(stay: Stay): VerdictWord | undefined {
    return this.#told.get(stay)?.word;
  }

  #of(timeline: Timeline, seen: SeenConnection, looks: Looks, isOver: boolean): WatchNews[] {
    const { number, connection, firstMs, ends } = seen;
    const news: WatchNews[] = [];
    let feed = this.#feeds.get(seen);
    if (!feed) {
      feed = new PassageFeed();
      this.#feeds.set(seen, feed);
      const [client, server] = [formatEndpoint(connection.client), formatEndpoint(connection.server)];
      news.push({ news: 'connection', atMs: firstMs, connection: number, client, server });
    }
    const passages = isOver ? feed.rest(timeline, connection) : feed.next(timeline, connection);
    for (const report of segmentReports(passages, timeline))
      news.push({ news: 'segment', connection: number, ...report });
    for (const end of [ends.client, ends.server])
      news.push(...this.#newStates(timeline, end, number, looks, isOver));
    if (!isOpen(seen) && news.length === 0) this.#forgetIfQuiet(seen, looks);
    return news;
  }

  /** A connection without sockets costs nothing more once its last state is printed. */
  #forgetIfQuiet(seen: SeenConnection, looks: Looks): void {
    const stays = [...seen.ends.client.stays, ...seen.ends.server.stays];
    const isTold = stays.every(
      (stay) => this.#told.has(stay) && (stay.lastMs === null || this.#over.has(stay)),
    );
    if (isTold && stays.every(({ fromMs }) => looks.atMs - fromMs > QUIET_MS))
      this.#done.set(seen, seen.lastMs);
  }

  #newStates(
    timeline: Timeline,
    end: SeenEnd,
    connection: number | null,
    looks: Looks,
    isOver: boolean,
  ): StateNews[] {
    return end.stays.flatMap((stay, index): StateNews[] => {
      // Before its first socket, an end is in no state that anybody brought about.
      if (this.#over.has(stay) || (index === 0 && stay.state === 'CLOSED')) return [];
      if (connection === null && stay.state === 'CLOSED') return [];
      const hasEnded = stay.lastMs !== null;
      const told = this.#told.get(stay);
      if (!hasEnded && !isOver) {
        if (looks.atMs - stay.fromMs < HELD_MS) return [];
        if (told && (told.added === timeline.added || looks.atMs < told.againMs)) return [];
      }
      const beganMs = performance.now();
      const { verdict, heldMs } = judgeStay(timeline, end, stay, looks);
      const inode = end.stays.at(-1) === stay ? (end.row?.inode ?? 0) : 0;
      const processes = holdersOf(timeline, end.host, inode);
      const hasNoDescriptor = end.row !== null && end.stays.at(-1) === stay && inode === 0;
      const shown = JSON.stringify([verdict.word, processes, hasNoDescriptor]);
      const againMs = looks.atMs + Math.max(SOONEST_MS, PATIENCE * (performance.now() - beganMs));
      this.#told.set(stay, { word: verdict.word, shown, added: timeline.added, againMs });
      if (hasEnded) this.#over.add(stay);
      if (!hasEnded && told?.shown === shown) return [];
      return [
        {
          news: 'state',
          atMs: hasEnded ? stay.fromMs + heldMs : told ? looks.atMs : stay.fromMs,
          fromMs: stay.fromMs,
          host: end.host,
          connection,
          address: formatEndpoint(end.local),
          ...(connection === null && end.remote.port !== 0 ? { remote: formatEndpoint(end.remote) } : {}),
          state: stay.state,
          verdict: verdict.word,
          because: verdict.because,
          witnesses: witnessReports(verdict.witnesses),
          heldMs,
          isNew: told === undefined,
          isOver: hasEnded,
          processes,
          hasNoDescriptor,
        },
      ];
    });
  }
}

/** A segment that comes so late belongs to the next connection. */
const QUIET_MS = 1000;
