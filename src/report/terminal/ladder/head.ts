import { isSelf } from '../../../evidence/connection.ts';
import type { HostName } from '../../../evidence/events.ts';
import { formatEndpoint } from '../../../tcp/endpoint.ts';
import type { Story } from '../../story/story.ts';
import type { Style } from '../style.ts';
import { broken, columnsOf } from '../text.ts';
import { Line, type Span } from './line.ts';
import type { Page } from './page.ts';

const INDENT = ' '.repeat(8);

/** The hosts at the lifelines, and which other connections there are. */
export function headLines(story: Story, page: Page, style: Style, soFar = false): string[] {
  const { connection } = story;
  const server = connection && isSelf(connection) ? 'the same socket' : 'server';
  const lines = pair(page, {
    client: { text: 'client', tone: 'bold' },
    server: { text: server, tone: 'bold' },
  });
  if (connection) {
    const ends = { client: formatEndpoint(connection.client), server: formatEndpoint(connection.server) };
    lines.push(...pair(page, { client: { text: ends.client }, server: { text: ends.server } }));
  }
  return [...lines.map((line) => line.render(style)), ...othersLines(story, page, style, soFar)];
}

/** Which other connections there are; `soFar`: of a crowd that may grow not how many. */
export function othersLines(
  { connection, others, isCrowd }: Story,
  page: Page,
  style: Style,
  soFar = false,
): string[] {
  if (others.length === 0) return [];
  const own = connection ? `:${connection.client.port}` : '';
  const ports = others.map(({ client }) => `:${client.port}`).join(', ');
  const many = `${soFar ? '' : `${others.length} `}other connections, drawn together`;
  const text = `and ${isCrowd ? many : `from ${ports}`}; the states are those of ${own}`;
  return broken(text, page.width - INDENT.length).map((line) => INDENT + style.dim(line));
}

/** Each over its lifeline; on a line of its own where the two are too long. */
function pair(page: Page, spans: Record<HostName, Span>): Line[] {
  const place = (host: HostName) => {
    const width = columnsOf(spans[host].text);
    return Math.max(0, Math.min(page.width - width, page[host] - (width >> 1)));
  };
  const [client, server] = [new Line(page.width), new Line(page.width)];
  client.write(place('client'), spans.client);
  const fits = place('client') + columnsOf(spans.client.text) + 1 < place('server');
  (fits ? client : server).write(place('server'), spans.server);
  return fits ? [client] : [client, server];
}
