import type { HostName } from '../evidence/events.ts';
import type { Timeline } from '../evidence/timeline.ts';
import { timerText } from '../report/story/timer-text.ts';
import { pad, textWidth } from '../report/terminal/layout.ts';
import { formatEndpoint } from '../tcp/endpoint.ts';
import type { SocketRow } from '../tcp/socket-row.ts';

/** The socket table of a host, as ss(8) shows it, with the process that has each socket open. */
export function formatSockets(host: HostName, rows: readonly SocketRow[], timeline: Timeline): string {
  const title = `sockets of the ${host}`;
  if (rows.length === 0) return `${title}: none`;
  const lines = rows.map((row) => [
    row.state,
    formatEndpoint(row.local),
    row.remote.port === 0 ? '*' : formatEndpoint(row.remote),
    queuesOf(row),
    timerText(row),
    holderOf(row, host, timeline),
  ]);
  const widths = lines[0]?.map((_, column) =>
    Math.max(...lines.map((line) => textWidth(line[column] ?? ''))),
  );
  const text = lines.map((line) =>
    `  ${line.map((cell, column) => pad(cell, widths?.[column] ?? 0)).join('  ')}`.trimEnd(),
  );
  return `${title}:\n${text.join('\n')}`;
}

function queuesOf({ state, receiveQueue, sendQueue }: SocketRow): string {
  return state === 'LISTEN'
    ? `accept queue ${receiveQueue}, backlog ${sendQueue}`
    : `${receiveQueue} unread, ${sendQueue} unacknowledged`;
}

function holderOf({ inode, state }: SocketRow, host: HostName, timeline: Timeline): string {
  if (inode === 0) return state === 'LISTEN' ? '' : 'no descriptor';
  const holders = timeline.of('socket-owned').filter((event) => event.host === host && event.inode === inode);
  return holders.map(({ name, pid, fd }) => `${name} (pid ${pid}) fd ${fd}`).join(', ');
}
