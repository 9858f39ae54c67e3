import { counted } from '../../evidence/counted.ts';
import type { RunStarted } from '../../evidence/events.ts';
import type { Timeline } from '../../evidence/timeline.ts';
import { seenOn } from '../../evidence/watch/seen-connections.ts';
import { formatPcapng } from '../files/pcapng/pcapng.ts';
import { type StateNews, WatchNewsFeed } from '../story/watch-news.ts';
import { stateText } from '../terminal/watch-lines.ts';
import { formatMs } from '../words/time.ts';
import { TONES } from '../words/tones.ts';
import type { OverviewRow, ReportLab, ReportPage } from './report-model.ts';
import { factsOf } from './run.ts';
import { viewOf } from './view.ts';

/** More connections than these make a page that no browser shows well. */
const MOST_SHOWN = 50;

/** What others did in a lab that was watched: a row for each state, a view for each connection. */
export function watchedPage(timeline: Timeline, started: RunStarted): ReportPage {
  const watched = timeline.of('watched')[0];
  const news = watched ? new WatchNewsFeed().next(timeline, watched, true) : [];
  const states = news.filter((one): one is StateNews => one.news === 'state');
  const { connections } = seenOn(timeline);
  const shown = connections.slice(0, MOST_SHOWN);
  const labs = shown.map(({ number, connection }, index): ReportLab => {
    const about = { name: `connection ${number}`, title: 'made by others in a lab that tcplab watched' };
    const view = viewOf(timeline, about, undefined, connection, 'alone');
    const own = states.filter((state) => state.connection === number);
    const verdicts = own.map((state) => ({ atMs: state.atMs, text: stateText(state).text }));
    return {
      view: { ...view, notes: [...view.notes, ...verdicts].sort((a, b) => a.atMs - b.atMs) },
      sections: [],
      programs: [],
      // It has the packets of all.
      pcapng:
        index === 0
          ? { name: 'watched.pcapng', base64: formatPcapng(timeline, started).toString('base64') }
          : null,
    };
  });
  const rest = connections.length - shown.length;
  return {
    title: `tcplab: a lab that was watched, ${counted(connections.length, 'connection')}`,
    facts: [
      ...factsOf({ ...started, durationMs: watched?.atMs ?? 0 }),
      ...(rest > 0 ? [{ name: 'Not shown', value: counted(rest, 'further connection') }] : []),
    ],
    overview: {
      heads: ['Verdict', 'Connection', 'Host', 'State', 'From', 'Held for', 'About'],
      rows: states.map((state) => rowOf(state, labs.length)),
    },
    labs,
  };
}

function rowOf(state: StateNews, labs: number): OverviewRow {
  const { verdict, connection, host, fromMs, heldMs, because, processes, address, remote } = state;
  const who = processes.map(({ name, pid }) => `${name} (${pid})`).join(', ');
  const on = remote === undefined ? address : `${address} with ${remote}`;
  return {
    ...{ word: verdict, tone: TONES[verdict] },
    cells: [String(connection ?? on), host, state.state, formatMs(fromMs), formatMs(heldMs), because ?? who],
    lab: connection !== null && connection <= labs ? connection - 1 : null,
  };
}
