import { describe, expect, it } from 'vitest';
import { handshake, syn, synAck } from '../../test/drawn.ts';
import { CONNECTION, kernelSaw, opened, passed, timelineOf } from '../../test/hand-built.ts';
import type { TimelineEvent } from './events.ts';
import { packetFoldOf } from './segments.ts';
import { stateHistoryOf } from './transitions.ts';

function cookies(value: number): TimelineEvent {
  return {
    type: 'sysctl-written',
    atMs: 0.1,
    host: 'server',
    name: 'net.ipv4.tcp_syncookies',
    value: String(value),
  };
}

const courseAt = (...events: TimelineEvent[]) =>
  stateHistoryOf(timelineOf(...events), CONNECTION).transitions.flatMap(({ host, from, to, arc, why }) =>
    host === 'server' ? [[from, to, arc === null ? why : 'arc']] : [],
  );

const others = (count: number) =>
  Array.from({ length: count }, (_, nth) =>
    passed(0.2 + nth / 1000, 'client', { ...syn, source: { ...syn.source, port: 50000 + nth } }),
  ).flat();

const statesAt = (...events: TimelineEvent[]) =>
  packetFoldOf(timelineOf(opened(), ...events), CONNECTION, 'server').end.states;

describe('SYN cookies', () => {
  const answered = [...passed(1, 'client', syn), ...passed(1.1, 'server', synAck)];

  it('that the sysctl asks for leave the server in LISTEN until the final ACK', () => {
    expect(statesAt(cookies(2), ...answered)).toEqual(['LISTEN']);
    // The kernel makes the full socket by way of SYN-RECEIVED.
    const printed = [
      kernelSaw(1.22, 'server', 'LISTEN', 'SYN-RECEIVED'),
      kernelSaw(1.23, 'server', 'SYN-RECEIVED', 'ESTABLISHED'),
    ];
    expect(courseAt(opened(), cookies(2), ...handshake, ...printed)).toEqual([
      ['LISTEN', 'ESTABLISHED', 'the final ACK brings a SYN cookie back, of which Linux makes the socket'],
    ]);
  });

  it('are possible by default where more SYNs wait than the backlog, and never where they are turned off', () => {
    expect(statesAt(...answered)).toEqual(['SYN-RECEIVED']);
    expect(statesAt(...others(9), ...answered)).toEqual(['SYN-RECEIVED', 'LISTEN']);
    expect(statesAt(cookies(0), ...others(9), ...answered)).toEqual(['SYN-RECEIVED']);
    expect(courseAt(...handshake)).toEqual([
      ['LISTEN', 'SYN-RECEIVED', 'arc'],
      ['SYN-RECEIVED', 'ESTABLISHED', 'arc'],
    ]);
  });
});
