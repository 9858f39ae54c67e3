import { setTimeout as pause } from 'node:timers/promises';
import type { HostName } from '../evidence/events.ts';
import type { Timeline } from '../evidence/timeline.ts';
import type { Lab } from '../lab/lab.ts';
import { LabWatch } from '../lab/lab-watch.ts';
import { readTcpSysctls } from '../lab/tcp-sysctls.ts';
import { TimelineRecorder } from '../report/files/timeline/recorder.ts';
import { labStarted } from '../report/story/run-started.ts';
import { WatchNewsFeed } from '../report/story/watch-news.ts';
import { segmentLegend } from '../report/terminal/segment-line.ts';
import { styleFor } from '../report/terminal/style.ts';
import { newsLines } from '../report/terminal/watch-lines.ts';
import { watchStatusLines } from '../report/terminal/watch-status.ts';
import type { TcpSysctls } from '../tcp/sysctls.ts';
import type { OutputFile } from './output-file.ts';
import { Screen } from './screen.ts';
import type { WatchedOutput } from './watched-outputs.ts';

/** How often the socket tables are read; and while something goes on. */
const LOOK_EVERY_MS = 200;
const LOOK_SOON_MS = 25;
/** Those that forecasts depend on: others may change them at any time. */
const SYSCTLS_EVERY_MS = 2000;
/** For so long after the last event. */
const SOON_FOR_MS = 500;

/** In the place of a scenario, in the saved timeline of a lab that was watched. */
export const WATCHED = { id: 'watched', heldBy: '' };

interface WatchOptions {
  privilege: string;
  json: boolean;
  timeline: OutputFile | undefined;
  /** Of the whole timeline, at the end. */
  output: WatchedOutput;
}

/** Shows what others do in a lab, until it is enough. */
export async function watchLab(lab: Lab, enough: Promise<unknown>, options: WatchOptions): Promise<void> {
  const { json, timeline: file } = options;
  const started = labStarted(lab.timeline, options.privilege, WATCHED);
  const recorder = file && new TimelineRecorder(started, lab.timeline, (text) => file.write(text));
  const watch = new LabWatch(lab);
  const feed = new WatchNewsFeed();
  using screen = new Screen(json ? process.stderr : process.stdout);
  const style = styleFor(screen.stream);
  let isOver = false;
  const ended = enough.then(() => {
    isOver = true;
  });
  const tell = (last = false) => {
    const news = feed.next(lab.timeline, watch.looks, last);
    if (json) process.stdout.write(news.map((one) => `${JSON.stringify(one)}\n`).join(''));
    else screen.print(...news.flatMap((one) => newsLines(one, screen.columns, style)));
  };
  if (!json) screen.print(...segmentLegend(screen.columns).map(style.dim));
  let [added, newsMs, sysctlsMs] = [-1, 0, 0];
  let sysctls: Record<HostName, TcpSysctls> | undefined;
  while (!isOver) {
    const tables = await watch.look();
    const nowMs = lab.nowMs();
    if (lab.timeline.added !== added) [added, newsMs] = [lab.timeline.added, nowMs];
    tell();
    if (screen.isLive && !json) {
      if (!sysctls || nowMs - sysctlsMs > SYSCTLS_EVERY_MS) {
        sysctls = { client: await readTcpSysctls(lab.client), server: await readTcpSysctls(lab.server) };
        sysctlsMs = nowMs;
      }
      const now = { timeline: lab.timeline, tables, sysctls, nowMs, verdictOf: feed.verdictOf.bind(feed) };
      screen.update((columns) => [
        ...watchStatusLines(now, { style, columns }),
        style.dim('Ctrl-C ends the lab'),
      ]);
    }
    await Promise.race([ended, pause(nowMs - newsMs < SOON_FOR_MS ? LOOK_SOON_MS : LOOK_EVERY_MS)]);
  }
  await watch.look();
  watch.end();
  tell(true);
  screen.finish();
  recorder?.end();
  file?.close();
  options.output(lab.timeline, started);
}

/** Prints the same of a saved timeline. */
export function replayWatched(timeline: Timeline, json: boolean): void {
  const looks = timeline.of('watched')[0];
  if (!looks) return;
  const news = new WatchNewsFeed().next(timeline, looks, true);
  const columns = process.stdout.columns || 80;
  const lines = json
    ? news.map((one) => JSON.stringify(one))
    : [
        ...segmentLegend(columns),
        ...news.flatMap((one) => newsLines(one, columns, styleFor(process.stdout))),
      ];
  process.stdout.write(lines.map((line) => `${line}\n`).join(''));
}
