import { describe, expect, it } from 'vitest';
import { aborted, CLOSE, called, courseAt, HANDSHAKE, HANDSHAKE_PRINTED } from '../../test/course.ts';
import { CONNECTION, kernelSaw, opened, passed, segment, timelineOf } from '../../test/hand-built.ts';
import type { State } from '../tcp/state.ts';
import type { TimelineEvent } from './events.ts';
import { courseOf } from './transitions.ts';

describe('a change that the kernel prints', () => {
  const events = [opened(), ...HANDSHAKE, ...HANDSHAKE_PRINTED];

  it('and that nothing explains is shown, without an arc', () => {
    const odd = kernelSaw(8, 'client', 'ESTABLISHED', 'LAST-ACK');
    const { transitions, particularities } = courseOf(timelineOf(...events, odd), CONNECTION);
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
    expect(courseAt('client', ...events, again)).toEqual(['SYN-SENT → ESTABLISHED (no arc, kernel-events)']);
  });

  it('of an end that a call ends in FIN-WAIT-2 is no orphan’s', () => {
    const printed = kernelSaw(20, 'client', 'FIN-WAIT-2', 'CLOSED');
    const closing = [...events, ...CLOSE.slice(0, 5)];
    const orphan = courseOf(timelineOf(...closing, printed), CONNECTION);
    expect(orphan.particularities.map(({ why }) => why)).toEqual([
      'an orphan’s FIN-WAIT-2 goes on without a full socket',
    ]);
    const ended = courseOf(timelineOf(...closing, aborted(19.9, 'client'), printed), CONNECTION);
    expect(ended.particularities).toEqual([]);
    expect(ended.transitions.at(-1)).toMatchObject({ from: 'FIN-WAIT-2', to: 'CLOSED', arc: { number: 64 } });
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
    const before = courseOf(timelineOf(...events, ...closing), CONNECTION);
    const changes = printed.map(([from, to]) => kernelSaw(20, 'client', from, to));
    const after = courseOf(timelineOf(...events, ...closing, ...changes), CONNECTION);
    expect(after.particularities).toEqual(
      printed.map(([from, to]) => ({ atMs: 20, host: 'client', from, to, why })),
    );
    const plain = ({ transitions }: typeof after) =>
      transitions.map(({ host, from, to }) => [host, from, to]);
    expect(plain(after)).toEqual(plain(before));
  });

  it('as SYN-RECEIVED at the final ACK is matched where the SYN was seen, and else a particularity', () => {
    expect(courseOf(timelineOf(...events), CONNECTION).particularities).toEqual([]);
    const again = [kernelSaw(5, 'server', 'LISTEN', 'SYN-RECEIVED')];
    const { particularities } = courseOf(timelineOf(...events, ...again), CONNECTION);
    expect(particularities.map(({ why }) => why)).toEqual([
      'the full socket is made, by way of SYN-RECEIVED, at the final ACK',
    ]);
  });

  it('is a particularity only where it fits: FIN-WAIT-1 → FIN-WAIT-2 without TIME-WAIT is a transition', () => {
    const finWait1 = CLOSE.slice(0, 3);
    const odd = kernelSaw(11, 'client', 'CLOSING', 'CLOSED');
    const { transitions, particularities } = courseOf(timelineOf(...events, ...finWait1, odd), CONNECTION);
    expect(particularities).toEqual([]);
    expect(transitions.at(-1)).toMatchObject({ from: 'CLOSING', to: 'CLOSED', source: 'kernel-events' });
  });
});
