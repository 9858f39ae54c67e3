import { describe, expect, it } from 'vitest';
import {
  captured,
  claimed,
  dropped,
  heldFrom,
  kernelSaw,
  kernelSawListener,
  listenerRow,
  lost,
  MADE,
  opened,
  passed,
  segment,
  sockets,
  timelineOf,
} from '../../test/hand-built.ts';
import type { TimelineEvent } from './events.ts';
import { judge } from './verdict.ts';
import type { WitnessName } from './witness/witness.ts';

const fin = segment('client', 'F.', 1, 1);

/** A client in FIN-WAIT-1, whose FINs a rule keeps from a server that is ESTABLISHED; held from 20 to 120 ms. */
const FIN_WAIT_1: TimelineEvent[] = [
  opened(),
  ...MADE,
  kernelSawListener(1, 'CLOSED', 'LISTEN'),
  kernelSaw(2, 'client', 'CLOSED', 'SYN-SENT'),
  ...passed(2, 'client', segment('client', 'S', 0)),
  ...passed(3, 'server', segment('server', 'S.', 0, 1)),
  kernelSaw(3.1, 'client', 'SYN-SENT', 'ESTABLISHED'),
  ...passed(4, 'client', segment('client', '.', 1, 1)),
  kernelSaw(4.1, 'server', 'LISTEN', 'SYN-RECEIVED'),
  kernelSaw(4.2, 'server', 'SYN-RECEIVED', 'ESTABLISHED'),
  kernelSaw(9, 'client', 'ESTABLISHED', 'FIN-WAIT-1'),
  ...passed(10, 'client', fin),
  dropped(10.01, 'server', 'in', fin),
  sockets(15, 'client', 'FIN-WAIT-1'),
  sockets(15, 'server', 'ESTABLISHED', listenerRow()),
  claimed(20, 'client', 'FIN-WAIT-1', 'ESTABLISHED'),
  heldFrom(20, 120),
];

function verdictOf(...events: TimelineEvent[]) {
  return judge(timelineOf(...events));
}

function says(events: TimelineEvent[], witness: WitnessName) {
  return verdictOf(...events).held.find((testimony) => testimony.witness === witness);
}

function without(...types: TimelineEvent['type'][]): TimelineEvent[] {
  return FIN_WAIT_1.filter(({ type }) => !types.includes(type));
}

describe('a claim', () => {
  it('is proven when all three witnesses agree on both ends', () => {
    const verdict = verdictOf(...FIN_WAIT_1);
    expect(verdict).toMatchObject({ word: 'proven', because: null });
    expect(verdict.held).toEqual(
      ['socket-table', 'packets', 'kernel-events'].map((witness) => {
        return { witness, says: 'FIN-WAIT-1', agrees: true, why: null };
      }),
    );
    expect(verdict.peer.map(({ says, agrees }) => [says, agrees])).toEqual([
      ['ESTABLISHED', true],
      ['ESTABLISHED', true],
      ['ESTABLISHED', true],
    ]);
  });

  describe('of a state that the table saw begin, after what the kernel printed last,', () => {
    const connecting = [
      opened(),
      kernelSaw(2, 'client', 'CLOSED', 'SYN-SENT'),
      sockets(5, 'client', 'SYN-SENT'),
      sockets(15, 'client', null),
      claimed(20, 'client', 'CLOSED', null),
      heldFrom(20, 120),
    ];

    it('is not contradicted by the kernel, which printed nothing more', () => {
      expect(says(connecting, 'kernel-events')).toMatchObject({
        agrees: null,
        why: 'the kernel printed nothing of a change that another witness saw',
      });
    });

    it('is confirmed by what it prints late', () => {
      const late = kernelSaw(20.1, 'client', 'SYN-SENT', 'CLOSED');
      expect(says([...connecting, late], 'kernel-events')).toMatchObject({ agrees: true });
    });

    it('is contradicted by another state that it prints late', () => {
      const late = kernelSaw(20.1, 'client', 'SYN-SENT', 'ESTABLISHED');
      expect(says([...connecting, late], 'kernel-events')).toMatchObject({ agrees: false });
    });

    it('is contradicted if the table never saw what the kernel printed', () => {
      const unseen = connecting.filter(({ atMs }) => atMs !== 5);
      expect(says(unseen, 'kernel-events')).toMatchObject({ agrees: false, why: 'saw SYN-SENT, not CLOSED' });
    });
  });

  it.each<[string, TimelineEvent[], WitnessName]>([
    ['kernel events', without('kernel'), 'kernel-events'],
    ['packets', without('captured', 'dropped'), 'packets'],
  ])('is proven by two witnesses when the third, %s, saw nothing', (_title, events, blind) => {
    expect(verdictOf(...events)).toMatchObject({ word: 'proven', because: null });
    expect(says(events, blind)).toEqual({
      witness: blind,
      says: null,
      agrees: null,
      why: 'it saw nothing of this end',
    });
  });

  it('says why kernel events can’t be seen', () => {
    const events = [opened('kernel events need root'), ...without('lab-opened', 'kernel')];
    expect(verdictOf(...events).word).toBe('proven');
    expect(says(events, 'kernel-events')).toMatchObject({
      says: null,
      agrees: null,
      why: 'kernel events need root',
    });
  });

  it('is unproven by one witness alone, and says what hinders the others', () => {
    const events = [
      opened('kernel events need root'),
      ...without('lab-opened', 'kernel', 'captured', 'dropped'),
    ];
    expect(verdictOf(...events)).toMatchObject({
      word: 'unproven',
      because:
        'too few witnesses could see it (packets: it saw nothing of this end; kernel-events: kernel events need root)',
    });
  });

  it('is not proven by witnesses of the other end', () => {
    const events = FIN_WAIT_1.filter(
      (event) => event.type !== 'sockets' && !('host' in event && event.host === 'client'),
    );
    const verdict = verdictOf(...events);
    expect(verdict.word).toBe('unproven');
    expect(verdict.peer.filter(({ agrees }) => agrees)).toHaveLength(2);
  });

  it('that says nothing of the other end is not weighed against it', () => {
    const events = [...without('claimed'), claimed(20, 'client', 'FIN-WAIT-1', null)];
    expect(verdictOf(...events)).toMatchObject({ word: 'proven', peer: [] });
  });
});

describe('one witness that contradicts', () => {
  it.each<[string, TimelineEvent[], string]>([
    [
      'socket table',
      [...without('sockets'), sockets(15, 'client', 'FIN-WAIT-2'), sockets(15, 'server', 'ESTABLISHED')],
      'socket-table of client: saw FIN-WAIT-2, not FIN-WAIT-1',
    ],
    [
      'socket table, which has no row',
      [...without('sockets'), sockets(15, 'client', null), sockets(15, 'server', 'ESTABLISHED')],
      'socket-table of client: saw CLOSED, not FIN-WAIT-1',
    ],
    [
      'packets',
      [...FIN_WAIT_1, ...passed(12, 'server', segment('server', '.', 1, 2))],
      'packets of client: saw FIN-WAIT-2, not FIN-WAIT-1',
    ],
    [
      'kernel events',
      [...FIN_WAIT_1, kernelSaw(12, 'client', 'FIN-WAIT-1', 'FIN-WAIT-2')],
      'kernel-events of client: saw FIN-WAIT-2, not FIN-WAIT-1',
    ],
    [
      'socket table of the peer',
      [...without('sockets'), sockets(15, 'client', 'FIN-WAIT-1'), sockets(15, 'server', 'CLOSE-WAIT')],
      'socket-table of server: saw CLOSE-WAIT, not ESTABLISHED',
    ],
    [
      'packets of the peer',
      FIN_WAIT_1.filter(({ type }) => type !== 'dropped'),
      'packets of server: saw CLOSE-WAIT, not ESTABLISHED',
    ],
    [
      'kernel events of the peer',
      [...FIN_WAIT_1, kernelSaw(12, 'server', 'ESTABLISHED', 'CLOSE-WAIT')],
      'kernel-events of server: saw CLOSE-WAIT, not ESTABLISHED',
    ],
  ])('disproves the claim, and is named: %s', (_title, events, because) => {
    expect(verdictOf(...events)).toMatchObject({ word: 'disproven', because });
  });

  it('disproves it though it can’t tell which state it was', () => {
    const events = [...FIN_WAIT_1, kernelSaw(12, 'client', 'FIN-WAIT-2', 'CLOSED')];
    expect(verdictOf(...events)).toMatchObject({
      word: 'disproven',
      because: 'kernel-events of client: saw CLOSED or TIME-WAIT or FIN-WAIT-2, not FIN-WAIT-1',
    });
  });
});

describe('a change during the hold', () => {
  const changes: [string, TimelineEvent[], string][] = [
    [
      'the socket table',
      [sockets(70, 'client', 'FIN-WAIT-2')],
      'socket-table of client: saw FIN-WAIT-1, then FIN-WAIT-2 50.0 ms into the hold',
    ],
    [
      'packets',
      passed(70, 'server', segment('server', '.', 1, 2)),
      'packets of client: saw FIN-WAIT-1, then FIN-WAIT-2 50.0 ms into the hold',
    ],
    [
      'kernel events',
      [kernelSaw(70, 'client', 'FIN-WAIT-1', 'FIN-WAIT-2')],
      'kernel-events of client: saw FIN-WAIT-1, then FIN-WAIT-2 50.0 ms into the hold',
    ],
    [
      'the socket table of the peer',
      [sockets(70, 'server', 'CLOSE-WAIT', listenerRow())],
      'socket-table of server: saw ESTABLISHED, then CLOSE-WAIT 50.0 ms into the hold',
    ],
  ];

  it.each(changes)('that %s saw disproves the claim', (_title, events, because) => {
    expect(verdictOf(...FIN_WAIT_1, ...events)).toMatchObject({ word: 'disproven', because });
  });

  it('disproves it though the state came back', () => {
    const events = [sockets(60, 'client', 'FIN-WAIT-2'), sockets(80, 'client', 'FIN-WAIT-1')];
    expect(verdictOf(...FIN_WAIT_1, ...events).word).toBe('disproven');
  });

  it.each(changes)('after the hold does not concern the claim: %s', (_title, events) => {
    const later = events.map((event) => ({ ...event, atMs: event.atMs + 100 }));
    expect(verdictOf(...FIN_WAIT_1, ...later).word).toBe('proven');
  });

  it('before the hold, that led to the state, does not concern it either', () => {
    expect(verdictOf(...FIN_WAIT_1, sockets(5, 'client', 'ESTABLISHED')).word).toBe('proven');
  });
});

describe('a witness that lost sight', () => {
  it('of packets during the hold says so, and no longer testifies', () => {
    const events = [...FIN_WAIT_1, lost(70, 'packets', 'client', 'the capture lost 3 packets')];
    expect(verdictOf(...events).word).toBe('proven');
    expect(says(events, 'packets')).toEqual({
      witness: 'packets',
      says: null,
      agrees: null,
      why: 'the capture lost 3 packets',
    });
  });

  it('of packets on the way to the state does not testify, whatever it sees later', () => {
    const again = captured(110, 'client', 'sent', fin);
    const events = [...FIN_WAIT_1, lost(5, 'packets', 'client', 'the capture lost 3 packets'), again];
    expect(says(events, 'packets')).toMatchObject({ agrees: null, why: 'the capture lost 3 packets' });
  });

  it('of kernel events does not testify for either end', () => {
    const events = [...FIN_WAIT_1, lost(70, 'kernel-events', null, 'the ring ran over')];
    const { word, held, peer } = verdictOf(...events);
    expect(word).toBe('proven');
    expect([held[2], peer[2]]).toMatchObject([
      { witness: 'kernel-events', agrees: null, why: 'the ring ran over' },
      { witness: 'kernel-events', agrees: null, why: 'the ring ran over' },
    ]);
  });

  it('leaves too few when another can’t see: unproven', () => {
    const events = [
      opened('kernel events need root'),
      ...without('lab-opened', 'kernel'),
      lost(70, 'packets', 'client', 'the capture lost 3 packets'),
    ];
    expect(verdictOf(...events)).toMatchObject({
      word: 'unproven',
      because:
        'too few witnesses could see it (packets: the capture lost 3 packets; kernel-events: kernel events need root)',
    });
  });

  it('after the hold, or at the other host, still testifies', () => {
    const events = [
      ...FIN_WAIT_1,
      lost(130, 'packets', 'client', 'too late'),
      lost(70, 'packets', 'server', 'the capture lost 3 packets'),
    ];
    expect(says(events, 'packets')).toMatchObject({ agrees: true });
    expect(verdictOf(...events).peer[1]).toMatchObject({ witness: 'packets', agrees: null });
  });

  it('still counts with what it saw against the claim', () => {
    const events = [
      ...FIN_WAIT_1,
      lost(80, 'packets', 'client', 'the capture lost 3 packets'),
      ...passed(70, 'server', segment('server', '.', 1, 2)),
    ];
    expect(verdictOf(...events)).toMatchObject({ word: 'disproven' });
  });
});

describe('a claim that was not looked at', () => {
  it('to the end of a hold is unproven', () => {
    expect(verdictOf(...without('held'))).toMatchObject({
      word: 'unproven',
      because: 'tcplab did not observe the state for the whole hold',
    });
  });

  it('more than once is unproven', () => {
    expect(verdictOf(...without('held'), heldFrom(20, 120, 1)).word).toBe('unproven');
  });

  it('by anyone before the hold, but only in it, is not proven', () => {
    const events = [
      ...without('sockets', 'kernel', 'captured', 'dropped'),
      sockets(70, 'client', 'FIN-WAIT-1'),
    ];
    expect(verdictOf(...events)).toMatchObject({ word: 'unproven' });
  });

  it('because it was never reached is unproven, with the reason', () => {
    const gaveUp: TimelineEvent = {
      type: 'gave-up',
      atMs: 50,
      scenario: 'by-hand',
      held: { host: 'client', state: 'FIN-WAIT-1' },
      why: 'client in FIN-WAIT-1: not seen within 50 ms',
    };
    expect(verdictOf(...without('claimed', 'held'), gaveUp)).toMatchObject({
      word: 'unproven',
      because: 'client in FIN-WAIT-1: not seen within 50 ms',
      held: [],
      peer: [],
    });
  });

  it('and was never made is unproven', () => {
    expect(verdictOf()).toMatchObject({ word: 'unproven', because: 'no state was claimed' });
  });
});
