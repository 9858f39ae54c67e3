import { describe, expect, it } from 'vitest';
import { captured, dropped, segment } from '../../test/hand-built.ts';
import type { HostName, TimelineEvent } from '../evidence/events.ts';
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
    expect(alignment.release(false)).toEqual(['client']);
    alignment.take('client', captured(10, 'client', 'sent', SYN));
    expect(alignment.release(false)).toEqual([]);
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
    alignment.release(false);
    expect(told()).toEqual(['captured client', 'captured server', 'dropped server']);
    expect(given[2]?.atMs).toBeGreaterThanOrEqual(given[1]?.atMs ?? Number.NaN);
    expect(given[2]?.atMs).toBeLessThan((given[1]?.atMs ?? Number.NaN) + 0.002);
  });

  it('lets a drop wait for an arrival that its host tells of later, and both go if that never comes', () => {
    const { alignment, told } = aligned();
    alignment.take('client', captured(10, 'client', 'sent', SYN));
    alignment.take('server', dropped(7, 'server', 'in', SYN));
    expect(alignment.release(false)).toEqual(['server']);
    expect(told()).toEqual(['captured client']);
    alignment.take('server', captured(7.000_5, 'server', 'received', SYN));
    expect(alignment.release(false)).toEqual([]);
    alignment.take('server', dropped(8, 'server', 'in', SYN));
    alignment.release(true);
    expect(told()).toEqual(['captured client', 'captured server', 'dropped server', 'dropped server']);
  });
});
