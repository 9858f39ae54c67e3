import type { HostName } from '../../evidence/events.ts';
import { formatEndpoint } from '../../tcp/endpoint.ts';
import { wrap } from '../layout.ts';
import type { Style } from '../style.ts';
import { Line, type Span, widthOf } from './line.ts';
import type { Story } from './moments.ts';
import type { Page } from './page.ts';

/** Who stands at the lifelines, and which connections there are besides. */
export function headLines(story: Story, page: Page, style: Style): string[] {
  const { connection, others, isCrowd } = story;
  const lines = pair(page, {
    client: { text: 'client', tone: 'bold' },
    server: { text: 'server', tone: 'bold' },
  });
  if (connection) {
    const ends = { client: formatEndpoint(connection.client), server: formatEndpoint(connection.server) };
    lines.push(...pair(page, { client: { text: ends.client }, server: { text: ends.server } }));
  }
  const rendered = lines.map((line) => line.render(style));
  if (others.length === 0) return rendered;
  const ports = others.map(({ client }) => `:${client.port}`).join(', ');
  const told = isCrowd
    ? `and ${others.length} other connections, told together; the states are those of this one`
    : `and from ${ports}; the states are those of this one`;
  return [
    ...rendered,
    ...wrap(told, page.width - 8, ' '.repeat(8))
      .split('\n')
      .map((line) => style.dim(line)),
  ];
}

/** Each over its lifeline; on a line of its own where the two are too long. */
function pair(page: Page, spans: Record<HostName, Span>): Line[] {
  const place = (host: HostName) => {
    const width = widthOf([spans[host]]);
    return Math.max(0, Math.min(page.width - width, page[host] - (width >> 1)));
  };
  const [client, server] = [new Line(page.width), new Line(page.width)];
  client.write(place('client'), spans.client);
  const fits = place('client') + widthOf([spans.client]) + 1 < place('server');
  (fits ? client : server).write(place('server'), spans.server);
  return fits ? [client] : [client, server];
}
