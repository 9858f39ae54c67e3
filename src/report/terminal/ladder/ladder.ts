import type { Connection } from '../../../evidence/connection.ts';
import type { Timeline } from '../../../evidence/timeline.ts';
import { storyOf } from '../../story/story.ts';
import type { Style } from '../style.ts';
import { ASCII, type Glyphs, UNICODE } from './glyphs.ts';
import { headLines } from './head.ts';
import { legendLines } from './legend.ts';
import { pageOf } from './page.ts';
import { drawRows } from './rows.ts';

export interface LadderOptions {
  /** Nothing but ASCII, for terminals and locales that can't do more; see `localeIsUtf8`. */
  ascii: boolean;
  style: Style;
  /** The terminal's columns: the ladder takes from 40 to 160 of them. By default 80. */
  width?: number;
  /** The connection whose states are shown if the timeline has no claim. Default: the first seen. */
  connection?: Connection | undefined;
  /** Without the other connections. */
  isAlone?: boolean;
}

/**
 * What happened on a timeline, from top to bottom: both hosts' lifelines with their calls, their states and their
 * firewalls' rules, and the segments between them as arrows that end where the segments ended.
 */
export function formatLadder(timeline: Timeline, options: LadderOptions): string {
  const { style } = options;
  const scenario = (timeline.of('claimed')[0] ?? timeline.of('gave-up')[0])?.scenario;
  const { head, rows, legend } = ladderParts(timeline, options);
  const title = scenario === undefined ? [] : [style.bold(scenario)];
  return `${[...title, ...head, ...rows, ...legend].join('\n')}\n`;
}

interface LadderParts {
  head: string[];
  rows: string[];
  legend: string[];
}

/** All of it at once; `LadderFeed` has it as it grows. */
export function ladderParts(
  timeline: Timeline,
  { ascii, style, width, connection, isAlone }: LadderOptions,
): LadderParts {
  const story = storyOf(timeline, connection, isAlone ? 'alone' : 'unless claimed');
  const page = pageOf(width);
  const glyphs: Glyphs = ascii ? ASCII : UNICODE;
  return {
    head: headLines(story, page, style),
    rows: drawRows(story, page, glyphs, style),
    legend: legendLines(story, glyphs, page.width).map((line) => style.dim(line)),
  };
}
