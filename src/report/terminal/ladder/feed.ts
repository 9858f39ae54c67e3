import type { Timeline } from '../../../evidence/timeline.ts';
import { type Story, storyOf } from '../../story/story.ts';
import { ASCII, UNICODE } from './glyphs.ts';
import { headLines, othersLines } from './head.ts';
import { mergeCalls } from './joined-calls.ts';
import { type LadderOptions, ladderParts } from './ladder.ts';
import { News, type NewsItem } from './news.ts';
import { pageOf } from './page.ts';
import { type Drawn, Rows } from './rows.ts';

/** A ladder that grows with its timeline: prints each row once, when it is final. */
export class LadderFeed {
  readonly #options: LadderOptions;
  readonly #news = new News();
  #columns: number | undefined;
  #drawn: Drawn | undefined;
  /** The other connections, as last printed. */
  #others: string | undefined;

  constructor(options: LadderOptions) {
    this.#options = options;
  }

  /**
   * The lines that are new, when all that happened up to `knownUntilMs` is on the timeline. For another width than the
   * last one the ladder goes on under a head of its own.
   */
  next(timeline: Timeline, knownUntilMs: number, columns?: number): string[] {
    const story = storyOf(timeline, this.#options.connection);
    const isFirst = this.#others === undefined;
    if (isFirst) this.#columns = columns;
    const lines = this.#head(story, isFirst);
    lines.push(...this.#rows(story, knownUntilMs));
    if (columns === this.#columns) return lines;
    this.#columns = columns;
    if (this.#drawn) this.#drawn = { ...this.#drawn, lastTime: '' };
    return [...lines, ...this.#head(story, true)];
  }

  /** The rest, and what the signs mean. */
  end(timeline: Timeline, columns?: number): string[] {
    const lines = this.next(timeline, Number.POSITIVE_INFINITY, columns);
    return [...lines, ...ladderParts(timeline, { ...this.#options, ...this.#width }).legend];
  }

  /** All of it, or what has changed of it. */
  #head(story: Story, isWhole: boolean): string[] {
    const { style } = this.#options;
    const page = pageOf(this.#columns);
    const others = othersLines(story, page, style, true);
    const lines = others.join('\n');
    const isSame = lines === this.#others;
    this.#others = lines;
    if (isWhole) return headLines(story, page, style, true);
    return isSame ? [] : others;
  }

  #rows(story: Story, knownUntilMs: number): string[] {
    const { ascii, style } = this.#options;
    const page = pageOf(this.#columns);
    const rows = new Rows(story, page, ascii ? ASCII : UNICODE, style, this.#drawn);
    const news = merged(this.#news.next(story.moments, knownUntilMs), page.beside);
    for (const { moment, isNew, isAgain } of news)
      rows.add(moment, { isShown: isNew, isLate: isAgain ?? false });
    if (rows.drawn.length > 0) this.#drawn = rows.reached;
    return rows.drawn;
  }

  get #width(): { width?: number } {
    return this.#columns === undefined ? {} : { width: this.#columns };
  }
}

/** Joins new calls that directly follow each other; the others have their own rows. */
function merged(all: readonly NewsItem[], width: number): NewsItem[] {
  const kept = all.filter(({ moment, isNew }) => isNew || moment.what !== 'call');
  const byMoment = new Map(kept.map((item) => [item.moment, item]));
  const calls = mergeCalls([...byMoment.keys()], width);
  // Joined ones are none of those that were there.
  return calls.map((moment) => byMoment.get(moment) ?? { moment, isNew: true });
}
