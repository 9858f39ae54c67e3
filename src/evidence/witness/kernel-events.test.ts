import { describe, expect, it } from 'vitest';
import {
  CONNECTION,
  kernelSaw,
  kernelSawListener,
  lost,
  opened,
  sockets,
  timelineOf,
} from '../../../test/hand-built.ts';
import type { State } from '../../tcp/state.ts';
import { endOf } from '../connection.ts';
import type { HostName, TimelineEvent } from '../events.ts';
import { kernelEvents } from './kernel-events.ts';

function lastObservation(host: HostName, state: State, ...events: TimelineEvent[]) {
  return kernelEvents.follow(timelineOf(opened(), ...events), endOf(CONNECTION, host, state)).at(-1);
}

describe('kernel events', () => {
  it('say LISTEN for as long as one of several sockets listens on the port', () => {
    const [first, second] = [
      kernelSawListener(1, 'CLOSED', 'LISTEN'),
      kernelSawListener(2, 'CLOSED', 'LISTEN'),
    ];
    const [ends, too] = [kernelSawListener(3, 'LISTEN', 'CLOSED'), kernelSawListener(4, 'LISTEN', 'CLOSED')];
    expect(lastObservation('server', 'LISTEN', first, second, ends)?.states).toEqual(['LISTEN']);
    expect(lastObservation('server', 'LISTEN', first, second, ends, too)?.states).toEqual(['CLOSED']);
  });

  it('of a listener at another address say nothing of this one', () => {
    const elsewhere = {
      ...kernelSawListener(2, 'LISTEN', 'CLOSED'),
      local: { address: '127.0.0.1', port: 80 },
    };
    expect(
      lastObservation('server', 'LISTEN', kernelSawListener(1, 'CLOSED', 'LISTEN'), elsewhere)?.states,
    ).toEqual(['LISTEN']);
  });

  it.each<[State, State]>([
    ['CLOSED', 'SYN-SENT'],
    ['SYN-SENT', 'ESTABLISHED'],
    ['SYN-SENT', 'SYN-RECEIVED'],
    ['SYN-SENT', 'CLOSED'],
    ['ESTABLISHED', 'FIN-WAIT-1'],
    ['ESTABLISHED', 'CLOSE-WAIT'],
    ['ESTABLISHED', 'CLOSED'],
    ['FIN-WAIT-1', 'FIN-WAIT-2'],
    ['FIN-WAIT-1', 'CLOSING'],
    ['FIN-WAIT-1', 'CLOSED'],
    ['CLOSE-WAIT', 'LAST-ACK'],
    ['LAST-ACK', 'CLOSED'],
  ])('%s → %s say one state', (from, to) => {
    expect(lastObservation('client', to, kernelSaw(1, 'client', from, to))).toEqual({
      atMs: 1,
      states: [to],
      why: null,
    });
  });

  it('can’t tell what follows FIN-WAIT-2 → CLOSED: TIME-WAIT, an orphan, or the end', () => {
    const sight = lastObservation('client', 'TIME-WAIT', kernelSaw(1, 'client', 'FIN-WAIT-2', 'CLOSED'));
    expect(new Set(sight?.states)).toEqual(new Set(['CLOSED', 'TIME-WAIT', 'FIN-WAIT-2']));
    expect(sight?.why).toMatch(/^the kernel printed FIN-WAIT-2 → CLOSED, and prints the same when TIME-WAIT/);
  });

  it('can’t tell what follows CLOSING → CLOSED: TIME-WAIT or the end', () => {
    const sight = lastObservation('client', 'TIME-WAIT', kernelSaw(1, 'client', 'CLOSING', 'CLOSED'));
    expect(new Set(sight?.states)).toEqual(new Set(['CLOSED', 'TIME-WAIT']));
    expect(sight?.why).toMatch(
      /^the kernel printed CLOSING → CLOSED, and prints the same when TIME-WAIT begins$/,
    );
  });

  it('of a listener alone can’t tell whether a SYN has come to it', () => {
    const listening = kernelSawListener(1, 'CLOSED', 'LISTEN');
    const sight = lastObservation('server', 'SYN-RECEIVED', listening);
    expect(new Set(sight?.states)).toEqual(new Set(['LISTEN', 'SYN-RECEIVED']));
    expect(sight?.why).toMatch(/^the kernel prints nothing between LISTEN and the final ACK/);
  });

  it('of a listener say LISTEN when the listener is meant', () => {
    expect(lastObservation('server', 'LISTEN', kernelSawListener(1, 'CLOSED', 'LISTEN'))?.states).toEqual([
      'LISTEN',
    ]);
  });

  it('say that a listener has closed', () => {
    const events = [kernelSawListener(1, 'CLOSED', 'LISTEN'), kernelSawListener(2, 'LISTEN', 'CLOSED')];
    expect(lastObservation('server', 'LISTEN', ...events)).toEqual({
      atMs: 2,
      states: ['CLOSED'],
      why: null,
    });
  });

  it('of a listener that closes say nothing of a connection that stands', () => {
    const events = [
      kernelSawListener(1, 'CLOSED', 'LISTEN'),
      kernelSaw(2, 'server', 'SYN-RECEIVED', 'ESTABLISHED'),
      kernelSawListener(3, 'LISTEN', 'CLOSED'),
    ];
    expect(lastObservation('server', 'ESTABLISHED', ...events)?.states).toEqual(['ESTABLISHED']);
    expect(lastObservation('server', 'LISTEN', ...events)?.states).toEqual(['CLOSED']);
  });

  it('of a connection that came and went leave its listener listening', () => {
    const events = [
      kernelSawListener(1, 'CLOSED', 'LISTEN'),
      kernelSaw(2, 'server', 'SYN-RECEIVED', 'ESTABLISHED'),
      kernelSaw(3, 'server', 'ESTABLISHED', 'CLOSED'),
    ];
    expect(lastObservation('server', 'LISTEN', ...events)?.states).toEqual(['LISTEN']);
  });

  it('of a listener that closes can’t tell whether a SYN was under way, which outlives it', () => {
    const events = [kernelSawListener(1, 'CLOSED', 'LISTEN'), kernelSawListener(2, 'LISTEN', 'CLOSED')];
    const sight = lastObservation('server', 'SYN-RECEIVED', ...events);
    expect(new Set(sight?.states)).toEqual(new Set(['CLOSED', 'SYN-RECEIVED']));
    expect(sight?.why).toMatch(/^the kernel prints nothing between LISTEN and the final ACK/);
  });

  it('of another connection or the other host say nothing of this end', () => {
    const other = {
      ...kernelSaw(1, 'client', 'CLOSED', 'SYN-SENT'),
      local: { address: '192.168.2.10', port: 5 },
    };
    expect(lastObservation('client', 'SYN-SENT', other)).toBeUndefined();
    expect(
      lastObservation('client', 'SYN-SENT', kernelSaw(1, 'server', 'CLOSED', 'SYN-SENT')),
    ).toBeUndefined();
  });

  it('that are no change of state say none', () => {
    const retransmission: TimelineEvent = {
      ...kernelSaw(2, 'client', 'CLOSED', 'SYN-SENT'),
      name: 'tcp_retransmit_skb',
      change: null,
    };
    const sent = kernelSaw(1, 'client', 'CLOSED', 'SYN-SENT');
    expect(lastObservation('client', 'SYN-SENT', sent, retransmission)).toMatchObject({ atMs: 1 });
  });

  it('that can’t be read say why, whatever else is there', () => {
    const timeline = timelineOf(
      opened('kernel events need root'),
      sockets(1, 'client', 'SYN-SENT'),
      kernelSaw(1, 'client', 'CLOSED', 'SYN-SENT'),
    );
    expect(kernelEvents.follow(timeline, endOf(CONNECTION, 'client', 'SYN-SENT'))).toEqual([
      { atMs: 0, states: [], why: 'kernel events need root' },
    ]);
  });

  it('that the ring lost leave both ends unsure', () => {
    const events = [kernelSaw(1, 'client', 'CLOSED', 'SYN-SENT'), lost(2, 'kernel-events', null, 'ran over')];
    expect(lastObservation('client', 'SYN-SENT', ...events)).toEqual({
      atMs: 2,
      states: [],
      why: 'ran over',
    });
    expect(lastObservation('server', 'LISTEN', ...events)).toEqual({ atMs: 2, states: [], why: 'ran over' });
  });

  it('does not take another socket on the same ports for the connection’s', () => {
    const states = (first: number | undefined, second: number | undefined) =>
      kernelEvents
        .follow(
          timelineOf(
            opened(),
            { ...kernelSaw(1, 'client', 'CLOSED', 'SYN-SENT'), ...(first && { kernelSocket: first }) },
            // Its connect() fails: EADDRNOTAVAIL.
            { ...kernelSaw(2, 'client', 'CLOSED', 'SYN-SENT'), ...(second && { kernelSocket: second }) },
            { ...kernelSaw(3, 'client', 'SYN-SENT', 'CLOSED'), ...(second && { kernelSocket: second }) },
            { ...kernelSaw(4, 'client', 'SYN-SENT', 'ESTABLISHED'), ...(first && { kernelSocket: first }) },
          ),
          endOf(CONNECTION, 'client', 'ESTABLISHED'),
        )
        .map((sight) => sight.states.join(' or '));
    expect(states(1, 2)).toEqual(['SYN-SENT', 'ESTABLISHED']);
    expect(states(1, 1)).toEqual(['SYN-SENT', 'SYN-SENT', 'CLOSED', 'ESTABLISHED']);
    // Older timelines do not tell sockets apart.
    expect(states(undefined, undefined)).toEqual(['SYN-SENT', 'SYN-SENT', 'CLOSED', 'ESTABLISHED']);
  });

  it('say SYN-SENT as well while another socket may take the ports of one that is gone', () => {
    const of = (socket: number, atMs: number, from: State, to: State) => ({
      ...kernelSaw(atMs, 'client', from, to),
      kernelSocket: socket,
    });
    const [before, begins, ends] = [
      [of(1, 1, 'ESTABLISHED', 'FIN-WAIT-1'), of(1, 2, 'FIN-WAIT-1', 'FIN-WAIT-2')],
      of(2, 3, 'CLOSED', 'SYN-SENT'),
      of(1, 4, 'FIN-WAIT-2', 'CLOSED'),
    ];
    const orphan: State[] = ['CLOSED', 'TIME-WAIT', 'FIN-WAIT-2'];
    expect(lastObservation('client', 'SYN-SENT', ...before, begins)?.states).toEqual(['FIN-WAIT-2']);
    expect(lastObservation('client', 'SYN-SENT', ...before, begins, ends)?.states).toEqual([
      ...orphan,
      'SYN-SENT',
    ]);
    const fails = of(2, 5, 'SYN-SENT', 'CLOSED');
    expect(lastObservation('client', 'SYN-SENT', ...before, begins, ends, fails)?.states).toEqual(orphan);
    const connects = of(2, 5, 'SYN-SENT', 'ESTABLISHED');
    expect(lastObservation('client', 'SYN-SENT', ...before, begins, ends, connects)?.states).toEqual([
      'ESTABLISHED',
    ]);
  });
});
