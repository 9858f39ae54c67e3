import type { Captured, HostName, TimelineEvent } from '../src/evidence/events.ts';
import { otherHost } from '../src/evidence/events.ts';
import type { SegmentToEncode } from '../src/tcp/encode.ts';
import { captured, segment } from './hand-built.ts';

interface Bulk {
  /** So many of data; each is acknowledged. */
  segments: number;
  /** Of each packet in so many, the capture of the host that receives it sees nothing. */
  lostEach?: number;
  payload?: number;
}

/** What two captures see of a bulk transfer, poll by poll: what one host saw since the last, then what the other did. */
export function* bulk({ segments, lostEach = 0, payload = 1 }: Bulk): Generator<TimelineEvent[]> {
  let [atMs, packets] = [1, 0];
  let polled: Captured[] = [];
  const pass = (from: HostName, of: SegmentToEncode) => {
    atMs += 0.1;
    polled.push(captured(atMs, from, 'sent', of));
    if (lostEach > 0 && ++packets % lostEach === 0) return;
    polled.push(captured(atMs + 0.01, otherHost(from), 'received', of));
  };
  pass('client', segment('client', 'S', 0));
  pass('server', segment('server', 'S.', 0, 1));
  pass('client', segment('client', '.', 1, 1));
  for (let sent = 0; sent < segments; sent++) {
    const data = { ...segment('client', 'P.', 1 + sent * payload, 1), payload: Buffer.alloc(payload, sent) };
    pass('client', data);
    pass('server', segment('server', '.', 1, 1 + (sent + 1) * payload));
    if (polled.length < 100) continue;
    yield inPolls(polled);
    polled = [];
  }
  yield inPolls(polled);
}

function inPolls(events: readonly Captured[]): Captured[] {
  const of = (host: HostName) => events.filter((event) => event.host === host);
  return [...of('client'), ...of('server')];
}
