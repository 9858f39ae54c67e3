import { describe, expect, it } from 'vitest';
import {
  CONNECTION,
  crafted,
  dropped,
  lost,
  passed,
  ruleSet,
  segment,
  timelineOf,
} from '../../../test/hand-built.ts';
import type { State } from '../../tcp/state.ts';
import { endOf } from '../connection.ts';
import type { HostName, TimelineEvent } from '../events.ts';
import { packets } from './packets.ts';

const HANDSHAKE = [
  ...passed(1, 'client', segment('client', 'S', 0)),
  ...passed(2, 'server', segment('server', 'S.', 0, 1)),
  ...passed(3, 'client', segment('client', '.', 1, 1)),
];

function observationsOf(host: HostName, state: State, events: TimelineEvent[]) {
  return packets.follow(timelineOf(...events), endOf(CONNECTION, host, state));
}

function lastObservation(host: HostName, state: State, events: TimelineEvent[]) {
  return observationsOf(host, state, events).at(-1);
}

describe('packets', () => {
  it('tell the state after each segment that the end sent or was given', () => {
    const path = (host: HostName) =>
      observationsOf(host, 'ESTABLISHED', HANDSHAKE).map(({ states }) => states);
    expect(path('client')).toEqual([['SYN-SENT'], ['ESTABLISHED'], ['ESTABLISHED']]);
    expect(path('server')).toEqual([[], ['SYN-RECEIVED'], ['ESTABLISHED']]);
  });

  it('say when they tell nothing yet', () => {
    expect(observationsOf('server', 'SYN-RECEIVED', HANDSHAKE)[0]).toEqual({
      atMs: 1.01,
      states: [],
      why: 'no segment has shown the state yet',
    });
  });

  it('that a rule keeps from an end tell nothing of it', () => {
    const fin = segment('client', 'F.', 1, 1);
    const events = [...HANDSHAKE, ...passed(4, 'client', fin), dropped(4.01, 'server', 'in', fin)];
    expect(lastObservation('client', 'FIN-WAIT-1', events)?.states).toEqual(['FIN-WAIT-1']);
    expect(lastObservation('server', 'ESTABLISHED', events)?.states).toEqual(['ESTABLISHED']);
  });

  it('that are crafted in a host tell nothing of its own end, but something of the other', () => {
    const rst = segment('client', 'R', 1, null);
    const events = [...HANDSHAKE, crafted(4, 'client', rst), ...passed(4.1, 'client', rst)];
    expect(lastObservation('client', 'ESTABLISHED', events)?.states).toEqual(['ESTABLISHED']);
    expect(lastObservation('server', 'ESTABLISHED', events)?.states).toEqual(['CLOSED']);
  });

  it('with which a firewall rejects tell nothing of the end behind it', () => {
    const data = segment('client', 'P.', 1, 1);
    const events = [
      ...HANDSHAKE,
      ruleSet(3.5, 'server', 'meta l4proto tcp reject with tcp reset'),
      ...passed(4, 'client', data),
      dropped(4.01, 'server', 'in', data),
      ...passed(4.1, 'server', segment('server', 'R', 1)),
    ];
    expect(lastObservation('server', 'ESTABLISHED', events)?.states).toEqual(['ESTABLISHED']);
    expect(lastObservation('client', 'CLOSED', events)?.states).toEqual(['CLOSED']);
  });

  it('that the capture of the host lost leave it unsure', () => {
    const events = [...HANDSHAKE, lost(4, 'packets', 'client', 'the capture lost 3 packets')];
    expect(lastObservation('client', 'ESTABLISHED', events)).toEqual({
      atMs: 4,
      states: [],
      why: 'the capture lost 3 packets',
    });
    expect(lastObservation('server', 'ESTABLISHED', events)?.states).toEqual(['ESTABLISHED']);
  });
});

describe('packets of a listener', () => {
  it.each<[string, TimelineEvent[]]>([
    ['that answered a SYN', HANDSHAKE.slice(0, 4)],
    ['of which a connection stands', HANDSHAKE],
    [
      'that was reset, and answered another SYN',
      [
        ...HANDSHAKE.slice(0, 4),
        ...passed(3, 'client', segment('client', 'R', 1)),
        ...passed(4, 'client', segment('client', 'S', 500)),
        ...passed(5, 'server', segment('server', 'S.', 900, 501)),
      ],
    ],
    [
      'whose connection was closed by both ends',
      [
        ...HANDSHAKE,
        ...passed(4, 'client', segment('client', 'F.', 1, 1)),
        ...passed(5, 'server', segment('server', 'F.', 1, 2)),
        ...passed(6, 'client', segment('client', '.', 2, 2)),
      ],
    ],
    ['whose connection was reset', [...HANDSHAKE, ...passed(4, 'client', segment('client', 'R', 1))]],
  ])('say LISTEN of one %s', (_title, events) => {
    expect(lastObservation('server', 'LISTEN', events)?.states).toEqual(['LISTEN']);
  });

  it('say CLOSED when a SYN is refused', () => {
    const events = [
      ...passed(1, 'client', segment('client', 'S', 0)),
      ...passed(2, 'server', { ...segment('server', 'R.', 0, 1), seq: 0 }),
    ];
    expect(lastObservation('server', 'LISTEN', events)?.states).toEqual(['CLOSED']);
  });

  it('say CLOSED when it answered a SYN once, and refuses the next', () => {
    const events = [
      ...HANDSHAKE,
      ...passed(4, 'client', segment('client', 'R', 1)),
      ...passed(5, 'client', segment('client', 'S', 500)),
      ...passed(6, 'server', { ...segment('server', 'R.', 0, 501), seq: 0 }),
    ];
    expect(lastObservation('server', 'LISTEN', events)?.states).toEqual(['CLOSED']);
  });

  it('say nothing of one that refuses what is no SYN: it may still listen', () => {
    const events = [
      ...passed(1, 'client', segment('client', '.', 1, 1)),
      ...passed(2, 'server', segment('server', 'R', 1)),
    ];
    expect(lastObservation('server', 'LISTEN', events)?.states).toEqual([]);
    expect(lastObservation('server', 'CLOSED', events)?.states).toEqual(['CLOSED']);
  });

  it('say nothing before it has answered', () => {
    expect(lastObservation('server', 'LISTEN', HANDSHAKE.slice(0, 2))?.states).toEqual([]);
  });
});
