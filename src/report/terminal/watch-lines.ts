import type { SeenEnd } from '../../evidence/watch/seen-connections.ts';
import type { WitnessKey } from '../story/result.ts';
import { ruleChangeText } from '../story/rule-changes.ts';
import type { StateNews, WatchNews } from '../story/watch-news.ts';
import { WITNESS_NAMES } from '../story/witness-lines.ts';
import { formatMs } from '../words/time.ts';
import { wrapBeside } from './layout.ts';
import { segmentLines, timeLabel } from './segment-line.ts';
import type { Style } from './style.ts';

/** One piece of news, as it scrolls by. No line is wider than `columns`. */
export function newsLines(news: WatchNews, columns: number, style: Style): string[] {
  if (news.news === 'segment') return segmentLines(news, columns, false, `${news.connection}  `);
  const label = timeLabel(news.atMs, columns);
  const lines = (text: string) => wrapBeside(label, text, columns);
  switch (news.news) {
    case 'connection':
      return lines(`${news.connection}  connection: client ${news.client}, server ${news.server}`).map(
        style.bold,
      );
    case 'rule':
      return lines(ruleChangeText(news));
    case 'lost':
      return lines(`${news.host ?? 'both hosts'}: ${news.what}`).map(style.bad);
    case 'state': {
      const { tone, text } = stateText(news);
      return wrapBeside(label, text, columns).map(style[tone]);
    }
  }
}

const TONES = { proven: 'good', disproven: 'bad', unproven: 'unsure' } as const;

/** `1  server CLOSE-WAIT, python3 (4711): proven (socket table, packets, kernel events)` */
export function stateText(news: StateNews): { tone: 'good' | 'bad' | 'unsure' | 'dim'; text: string } {
  const { host, state, verdict, because, witnesses, heldMs, isNew, isOver, connection } = news;
  const at = news.remote === undefined ? news.address : `${news.address} with ${news.remote}`;
  const end = connection === null ? `${host} ${state} on ${at}` : `${connection}  ${host} ${state}`;
  const agreeing = Object.entries(witnesses).filter(([, report]) => report.agrees);
  const names = agreeing.map(([key]) => WITNESS_NAMES[key as WitnessKey]).join(', ');
  const why = because === null ? ` (${names})` : `: ${because}`;
  if (isOver && !isNew)
    return {
      tone: 'dim',
      text: `${end} is over after ${formatMs(heldMs)}: ${verdict}${because === null ? '' : why}`,
    };
  const who = isOver ? `for ${formatMs(heldMs)}` : holderText(news);
  return { tone: TONES[verdict], text: `${end}${who ? `, ${who}` : ''}: ${verdict}${why}` };
}

/** Whose socket it is: `nc (4711)`; null where that is not known. */
export function holderText({
  processes,
  hasNoDescriptor,
  state,
}: Pick<StateNews, 'processes' | 'hasNoDescriptor' | 'state'>): string | null {
  if (processes.length > 0) return processes.map(({ name, pid }) => `${name} (${pid})`).join(', ');
  if (!hasNoDescriptor || state === 'TIME-WAIT' || state === 'SYN-RECEIVED') return null;
  return state === 'ESTABLISHED' || state === 'CLOSE-WAIT' ? 'not accepted' : 'no descriptor';
}

/** `1 of 5 wait to be accepted` */
export function queueText({ row }: SeenEnd): string | null {
  return row ? `accept queue ${row.receiveQueue} of ${row.sendQueue + 1}` : null;
}
