import { describe, expect, it } from 'vitest';
import { CONNECTION, kernelSaw, opened, passed, segment, timelineOf } from '../../test/hand-built.ts';
import {
  aborted,
  CLOSE,
  called,
  HANDSHAKE,
  HANDSHAKE_PRINTED,
  historyAt,
  transitionsAt,
} from '../../test/state-history.ts';
import { formatEndpoint } from '../tcp/endpoint.ts';
import type { State } from '../tcp/state.ts';
import type { TimelineEvent } from './events.ts';
import { stateHistoryOf } from './transitions.ts';

describe('a change that the kernel prints', () => {
  const events = [opened(), ...HANDSHAKE, ...HANDSHAKE_PRINTED];

  it('and that nothing explains is shown, without an arc', () => {
    const odd = kernelSaw(8, 'client', 'ESTABLISHED', 'LAST-ACK');
    const { transitions, particularities } = stateHistoryOf(timelineOf(...events, odd), CONNECTION);
    expect(transitions.at(-1)).toEqual({
      atMs: 8,
      host: 'client',
      from: 'ESTABLISHED',
      to: 'LAST-ACK',
      arc: null,
      source: 'kernel-events',
      seenBy: ['kernel-events'],
    });
    expect(particularities).toHaveLength(0);
  });

  it('more often than it was taken is shown as often', () => {
    const again = kernelSaw(8, 'client', 'SYN-SENT', 'ESTABLISHED');
    expect(historyAt('client', ...events, again)).toEqual(['SYN-SENT → ESTABLISHED (no arc, kernel-events)']);
  });

  it('of an end that a call ends in FIN-WAIT-2 is no orphan’s', () => {
    const printed = kernelSaw(20, 'client', 'FIN-WAIT-2', 'CLOSED');
    const closing = [...events, ...CLOSE.slice(0, 5)];
    const orphan = stateHistoryOf(timelineOf(...closing, printed), CONNECTION);
    expect(orphan.particularities.map(({ why }) => why)).toEqual([
      'an orphan’s FIN-WAIT-2 goes on without a full socket',
    ]);
    const ended = stateHistoryOf(timelineOf(...closing, aborted(19.9, 'client'), printed), CONNECTION);
    expect(ended.particularities).toEqual([]);
    expect(ended.transitions.at(-1)).toMatchObject({ from: 'FIN-WAIT-2', to: 'CLOSED', arc: { number: 64 } });
  });

  it.each([
    ['shortly', 9.6, true],
    ['long', 8, false],
  ])('%s before its segment, corroborates it or not', (_when, printedMs, isSame) => {
    const printed = kernelSaw(printedMs, 'client', 'ESTABLISHED', 'FIN-WAIT-1');
    const seen = transitionsAt('client', opened(), ...HANDSHAKE, ...CLOSE, printed).find(
      ({ to }) => to === 'FIN-WAIT-1',
    );
    expect(seen?.seenBy.includes('kernel-events')).toBe(isSame);
  });

  it('before the transition before, does not corroborate it', () => {
    const closed = kernelSaw(1.97, 'client', 'SYN-SENT', 'CLOSED');
    const reset = passed(2.1, 'server', segment('server', 'R.', 0, 1));
    const seen = transitionsAt('client', opened(), ...HANDSHAKE.slice(0, 7), closed, ...reset);
    const ended = seen.find(({ to, atMs }) => to === 'CLOSED' && atMs > 2);
    expect(ended).toMatchObject({ from: 'SYN-SENT', seenBy: ['packets'] });
  });

  it('once, during the call that made it and that sent nothing, is one transition', () => {
    const crossing = [
      called(1.95, 'client', 'connect', formatEndpoint(CONNECTION.server), 'EINPROGRESS'),
      ...CLOSE.slice(0, 2),
      ...passed(12, 'server', segment('server', 'F.', 1, 1)),
      aborted(20, 'client'),
      ...passed(30, 'server', segment('server', 'F.', 1, 1)),
      ...passed(30.1, 'client', segment('client', 'R', 1)),
    ];
    const printed = kernelSaw(20.1, 'client', 'CLOSING', 'CLOSED');
    const ended = transitionsAt('client', ...events, ...crossing, printed).filter(
      ({ to }) => to === 'CLOSED',
    );
    expect(ended).toMatchObject([{ atMs: 20.1, from: 'CLOSING', source: 'kernel-events' }]);
  });

  const bundle = [
    called(9.9, 'client', 'shutdown', 'SHUT_WR'),
    ...passed(10, 'client', segment('client', 'F.', 1, 1)),
    ...passed(12, 'server', segment('server', 'F.', 1, 2)),
    ...passed(13, 'client', segment('client', '.', 2, 2)),
  ];
  const crossed = [
    called(9.9, 'client', 'shutdown', 'SHUT_WR'),
    ...passed(10, 'client', segment('client', 'F.', 1, 1)),
    ...passed(12, 'server', segment('server', 'F.', 1, 1)),
    ...passed(13, 'server', segment('server', '.', 2, 2)),
  ];

  it.each<[string, string, TimelineEvent[], [State, State][]]>([
    [
      'FIN-WAIT-2 → FIN-WAIT-2',
      'closing a socket that was shut down sets its state again',
      CLOSE.slice(0, 4),
      [['FIN-WAIT-2', 'FIN-WAIT-2']],
    ],
    [
      'FIN-WAIT-1 → FIN-WAIT-2',
      'a FIN that acknowledges ours passes through FIN-WAIT-2',
      bundle,
      [['FIN-WAIT-1', 'FIN-WAIT-2']],
    ],
    [
      'FIN-WAIT-2 → CLOSED',
      'the full socket ends where TIME-WAIT begins',
      bundle,
      [['FIN-WAIT-2', 'CLOSED']],
    ],
    ['FIN-WAIT-2 → CLOSED', 'the full socket ends where TIME-WAIT begins', CLOSE, [['FIN-WAIT-2', 'CLOSED']]],
    ['CLOSING → CLOSED', 'the full socket ends where TIME-WAIT begins', crossed, [['CLOSING', 'CLOSED']]],
    [
      'FIN-WAIT-2 → CLOSED',
      'an orphan’s FIN-WAIT-2 goes on without a full socket',
      CLOSE.slice(0, 4),
      [['FIN-WAIT-2', 'CLOSED']],
    ],
  ])('%s, is no transition: %s', (_, why, closing, printed) => {
    const before = stateHistoryOf(timelineOf(...events, ...closing), CONNECTION);
    const changes = printed.map(([from, to]) => kernelSaw(20, 'client', from, to));
    const after = stateHistoryOf(timelineOf(...events, ...closing, ...changes), CONNECTION);
    expect(after.particularities).toEqual(
      printed.map(([from, to]) => ({ atMs: 20, host: 'client', from, to, why })),
    );
    const plain = ({ transitions }: typeof after) =>
      transitions.map(({ host, from, to }) => [host, from, to]);
    expect(plain(after)).toEqual(plain(before));
  });

  it('as SYN-RECEIVED at the final ACK is matched where the SYN was seen, and else a particularity', () => {
    expect(stateHistoryOf(timelineOf(...events), CONNECTION).particularities).toEqual([]);
    const again = [kernelSaw(5, 'server', 'LISTEN', 'SYN-RECEIVED')];
    const { particularities } = stateHistoryOf(timelineOf(...events, ...again), CONNECTION);
    expect(particularities.map(({ why }) => why)).toEqual([
      'the full socket is made, by way of SYN-RECEIVED, at the final ACK',
    ]);
  });

  it('is a particularity only where it fits: FIN-WAIT-1 → FIN-WAIT-2 without TIME-WAIT is a transition', () => {
    const finWait1 = CLOSE.slice(0, 3);
    const odd = kernelSaw(11, 'client', 'CLOSING', 'CLOSED');
    const { transitions, particularities } = stateHistoryOf(
      timelineOf(...events, ...finWait1, odd),
      CONNECTION,
    );
    expect(particularities).toEqual([]);
    expect(transitions.at(-1)).toMatchObject({ from: 'CLOSING', to: 'CLOSED', source: 'kernel-events' });
  });
});
