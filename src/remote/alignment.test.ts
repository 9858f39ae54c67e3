import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { captured, dropped, segment } from '../../test/hand-built.ts';
import { type HostName, otherHost, type TimelineEvent } from '../evidence/events.ts';
import { Alignment } from './alignment.ts';
import { HostClock } from './host-clock.ts';

const SYN = segment('client', 'S', 0);

/** Two machines of which the clocks are thought to agree; what is given away, in that order. */
function aligned() {
  const given: (TimelineEvent & { host: HostName })[] = [];
  const clocks = { client: new HostClock(0), server: new HostClock(0) };
  const alignment = new Alignment(clocks, (event) => given.push(event as (typeof given)[number]));
  return { alignment, given, told: () => given.map(({ type, host }) => `${type} ${host}`) };
}

describe('alignment', () => {
  it('never shows an arrival before its departure', () => {
    const { alignment, given } = aligned();
    alignment.take('server', captured(7, 'server', 'received', SYN));
    expect(alignment.release()).toEqual(['client']);
    alignment.take('client', captured(10, 'client', 'sent', SYN));
    expect(alignment.release()).toEqual([]);
    expect(given.map(({ host, atMs }) => [host, atMs])).toEqual([
      ['client', 10],
      ['server', 10.001],
    ]);
  });

  // As a log stamps it, a drop is up to a microsecond earlier than the arrival of the very packet.
  it('sets a drop forward with the arrival of what was dropped', () => {
    const { alignment, given, told } = aligned();
    alignment.take('client', captured(10, 'client', 'sent', SYN));
    alignment.take('server', dropped(7.000_1, 'server', 'in', SYN));
    alignment.take('server', captured(7.000_9, 'server', 'received', SYN));
    alignment.release();
    expect(told()).toEqual(['captured client', 'captured server', 'dropped server']);
    expect(given[2]?.atMs).toBeGreaterThanOrEqual(given[1]?.atMs ?? Number.NaN);
    expect(given[2]?.atMs).toBeLessThan((given[1]?.atMs ?? Number.NaN) + 0.002);
  });

  it('lets a drop wait for an arrival that its host tells of later, and both go if that never comes', () => {
    const { alignment, told } = aligned();
    alignment.take('client', captured(10, 'client', 'sent', SYN));
    alignment.take('server', dropped(7, 'server', 'in', SYN));
    expect(alignment.release()).toEqual(['server']);
    expect(told()).toEqual(['captured client']);
    alignment.take('server', captured(7.000_5, 'server', 'received', SYN));
    expect(alignment.release()).toEqual([]);
    alignment.take('server', dropped(8, 'server', 'in', SYN));
    alignment.release(alignment.waiting());
    expect(told()).toEqual(['captured client', 'captured server', 'dropped server', 'dropped server']);
  });
});

/** What two machines say to each other, one after the other; each may stop to look at any moment. */
const talks = fc.record({
  /** How far the server's clock is wrong, either way. */
  wrongMs: fc.double({ min: -5000, max: 5000, noNaN: true }),
  /** How much faster it runs. */
  drift: fc.double({ min: -0.001, max: 0.001, noNaN: true }),
  segments: fc.array(
    fc.record({
      from: fc.constantFrom<HostName>('client', 'server'),
      pauseMs: fc.double({ min: 0.01, max: 50, noNaN: true }),
      transitMs: fc.double({ min: 0.005, max: 5, noNaN: true }),
      look: fc.constantFrom('client', 'server', 'both', 'nobody'),
    }),
    { maxLength: 40 },
  ),
});

describe('whatever the clocks say', () => {
  it('no segment arrives before it was sent, nothing is lost, and what one machine saw keeps its order', () => {
    fc.assert(
      fc.property(talks, ({ wrongMs, drift, segments }) => {
        const given: TimelineEvent[] = [];
        const clocks = { client: new HostClock(0), server: new HostClock(0) };
        const alignment = new Alignment(clocks, (event) => given.push(event));
        const byOwnClock = (host: HostName, ms: number) =>
          host === 'client' ? ms : ms * (1 + drift) + wrongMs;
        const told: Record<HostName, TimelineEvent[]> = { client: [], server: [] };
        const look = (host: HostName) => {
          for (const event of told[host].splice(0)) alignment.take(host, event);
        };
        let nowMs = 0;
        for (const [index, { from, pauseMs, transitMs, look: who }] of segments.entries()) {
          const to = otherHost(from);
          const what = segment(from, '.', index);
          nowMs += pauseMs;
          told[from].push(captured(byOwnClock(from, nowMs), from, 'sent', what));
          nowMs += transitMs;
          told[to].push(captured(byOwnClock(to, nowMs), to, 'received', what));
          if (who === 'client' || who === 'both') look('client');
          if (who === 'server' || who === 'both') look('server');
          alignment.release();
        }
        look('client');
        look('server');
        alignment.release();
        const seen = given.filter((event) => event.type === 'captured');
        expect(seen).toHaveLength(2 * segments.length);
        for (const { direction, bytes, atMs } of seen) {
          if (direction === 'sent') continue;
          const sent = seen.find((other) => other.direction === 'sent' && other.bytes === bytes);
          expect(atMs).toBeGreaterThan(sent?.atMs ?? Number.POSITIVE_INFINITY);
        }
        for (const name of ['client', 'server'] as const) {
          const own = seen.filter(({ host }) => host === name);
          const happened = segments.map(({ from }) => (from === name ? 'sent' : 'received'));
          expect(own.map(({ direction }) => direction)).toEqual(happened);
          expect(own.map(({ atMs }) => atMs)).toEqual(own.map(({ atMs }) => atMs).sort((a, b) => a - b));
        }
      }),
    );
  });
});
