import { describe, expect, it } from 'vitest';
import {
  closeWait,
  closing,
  established,
  finWait1,
  finWait2,
  fold,
  got,
  lastAck,
  sent,
  shownBy,
  stateAfter,
  synReceived,
  synReceivedSimultaneously,
  synSent,
  timeWait,
  unreachable,
} from '../../test/one-end.ts';
import { ARCS, findArc, type Trigger } from './arcs.ts';
import type { Input } from './fold.ts';
import type { State } from './state.ts';

/** An arc, what goes before it, and the input that takes it. */
const ARRIVALS: [arc: number, title: string, before: Input[], input: Input][] = [
  [2, 'CLOSED, connect: a SYN leaves', [], sent('S', 0)],
  [3, 'LISTEN, SYN: it is answered with SYN-ACK', [got('S', 0)], sent('S.', 0, 1)],
  [6, 'SYN-SENT, SYN-ACK', synSent, got('S.', 0, 1)],
  [
    7,
    'SYN-SENT, SYN that is answered with SYN-ACK: a simultaneous open',
    [...synSent, got('S', 0)],
    sent('S.', 0, 1),
  ],
  [8, 'SYN-SENT, RST that acknowledges the SYN', synSent, got('R.', 0, 1)],
  [9, 'SYN-SENT, ICMP error that quotes the SYN', synSent, unreachable(0)],
  [12, 'SYN-RECEIVED, ACK', synReceived, got('.', 1, 1)],
  [12, 'SYN-RECEIVED, SYN-ACK in a simultaneous open', synReceivedSimultaneously, got('S.', 0, 1)],
  [12, 'SYN-RECEIVED, ACK in a simultaneous open', synReceivedSimultaneously, got('.', 1, 1)],
  [13, 'SYN-RECEIVED, RST to one that listens', synReceived, got('R', 1)],
  [14, 'SYN-RECEIVED, RST in a simultaneous open', synReceivedSimultaneously, got('R', 1)],
  [16, 'SYN-RECEIVED, close in a simultaneous open', synReceivedSimultaneously, sent('F.', 1, 1)],
  [17, 'ESTABLISHED, close', established, sent('F.', 1, 1)],
  [17, 'ESTABLISHED, close with the last octets in the same segment', established, sent('FP.', 1, 1, 20)],
  [18, 'ESTABLISHED, FIN', established, got('F.', 1, 1)],
  [18, 'ESTABLISHED, FIN with the last octets in the same segment', established, got('FP.', 1, 1, 20)],
  [19, 'ESTABLISHED, RST', established, got('R', 1)],
  [20, 'ESTABLISHED, abort', established, sent('R.', 1, 1)],
  [24, 'FIN-WAIT-1, ACK of FIN', finWait1, got('.', 1, 2)],
  [24, 'FIN-WAIT-1, ACK of FIN with octets', finWait1, got('P.', 1, 2, 20)],
  [25, 'FIN-WAIT-1, FIN that does not acknowledge ours', finWait1, got('F.', 1, 1)],
  [26, 'FIN-WAIT-1, FIN that acknowledges ours', finWait1, got('F.', 1, 2)],
  [27, 'FIN-WAIT-1, RST', finWait1, got('R', 1)],
  [29, 'FIN-WAIT-2, FIN', finWait2, got('F.', 1, 2)],
  [30, 'FIN-WAIT-2, RST', finWait2, got('R.', 1, 2)],
  [32, 'CLOSING, ACK of FIN', closing, got('.', 2, 2)],
  [33, 'CLOSING, RST', closing, got('R', 2)],
  [35, 'CLOSE-WAIT, close', closeWait, sent('F.', 1, 2)],
  [36, 'CLOSE-WAIT, RST', closeWait, got('R', 2)],
  [37, 'CLOSE-WAIT, abort', closeWait, sent('R.', 1, 2)],
  [54, 'SYN-RECEIVED by simultaneous open, abort', synReceivedSimultaneously, sent('R.', 1, 1)],
  [59, 'FIN-WAIT-1, abort', finWait1, sent('R.', 2, 1)],
  [64, 'FIN-WAIT-2, abort', finWait2, sent('R.', 2, 1)],
  [38, 'LAST-ACK, ACK of FIN', lastAck, got('.', 2, 2)],
  [39, 'LAST-ACK, RST', lastAck, got('R', 2)],
  [42, 'TIME-WAIT, RST', timeWait, got('R', 2)],
  [
    43,
    'TIME-WAIT, a new SYN that is answered with SYN-ACK',
    [...timeWait, got('S', 70)],
    sent('S.', 700, 71),
  ],
];

describe('each arc that a segment shows', () => {
  it.each(ARRIVALS)('arc %i: %s', (number, _title, before, input) => {
    const earlier = fold(before);
    const later = fold([...before, input]);
    const { arc, from, to, atMs } = later.steps.at(-1) ?? {};
    expect(later.steps.slice(0, -1)).toEqual(earlier.steps);
    expect(arc).toMatchObject({ number, from, to });
    expect(atMs).toBe(100 * before.length);
    expect(later.state).toBe(to);
  });

  it('is among these, but for those that no segment shows', () => {
    const silent: Trigger[] = [
      'listen',
      'destroy',
      'retries exhausted',
      'user timeout',
      'keepalive exhausted',
      'FIN-WAIT-2 timeout',
      '2 MSL',
      // Of whose RST only the segment before it tells.
      'data after close',
    ];
    // A listener that closes and a connect that is given up send nothing; the fold does not know a refused SYN and an ICMP error.
    const unseen = [5, 11, 50, 51, 53, 63];
    const visible = ARCS.filter(
      ({ from, to, trigger, number }) =>
        !silent.includes(trigger) && !unseen.includes(number) && findArc(from, trigger, to) !== undefined,
    );
    const tried = new Set(ARRIVALS.map(([number]) => number));
    expect(visible.map(({ number }) => number).filter((number) => !tried.has(number))).toEqual([]);
  });
});

describe('a whole connection', () => {
  it.each<[string, Input[], State[]]>([
    [
      'of a client that closes first',
      timeWait,
      ['CLOSED', 'SYN-SENT', 'ESTABLISHED', 'FIN-WAIT-1', 'FIN-WAIT-2', 'TIME-WAIT'],
    ],
    [
      'of a server that closes last',
      [...lastAck, got('.', 2, 2)],
      ['LISTEN', 'SYN-RECEIVED', 'ESTABLISHED', 'CLOSE-WAIT', 'LAST-ACK', 'CLOSED'],
    ],
    [
      'in which both close at once',
      [...closing, got('.', 2, 2)],
      ['CLOSED', 'SYN-SENT', 'ESTABLISHED', 'FIN-WAIT-1', 'CLOSING', 'TIME-WAIT'],
    ],
    [
      'that both open at once, and one gives up',
      [...synReceivedSimultaneously, got('S.', 0, 1), sent('F.', 1, 1), got('R', 1)],
      ['CLOSED', 'SYN-SENT', 'SYN-RECEIVED', 'ESTABLISHED', 'FIN-WAIT-1', 'CLOSED'],
    ],
  ])('%s goes through its states in order', (_title, inputs, states) => {
    const { steps } = fold(inputs);
    expect([steps[0]?.from, ...steps.map(({ to }) => to)]).toEqual(states);
  });
});

describe('an end of which nothing is known', () => {
  it('has no state before a segment', () => {
    expect(fold([])).toMatchObject({ state: null, steps: [] });
  });

  it.each([
    ['a SYN that came in, and is not answered', got('S', 0)],
    ['an ACK that came in', got('.', 1, 1)],
    ['octets that it sends in mid-connection', sent('P.', 1, 1, 20)],
    ['a FIN that it sends in mid-connection', sent('F.', 1, 1)],
    ['an RST that came in', got('R', 1)],
  ])('has none after %s', (_title, input) => {
    expect(stateAfter(input)).toBeNull();
  });

  it('is CLOSED when it answers a SYN with RST', () => {
    expect(fold([got('S', 0), sent('R.', 0, 1)])).toMatchObject({ state: 'CLOSED', steps: [] });
  });

  it('is CLOSED when it answers a SYN-ACK, for which it never asked, with RST', () => {
    expect(stateAfter(got('S.', 0, 1), sent('R', 1))).toBe('CLOSED');
  });

  it('stays unknown when a firewall sends an RST: it was given no segment that this could answer', () => {
    expect(stateAfter(sent('R.', 0, 1))).toBeNull();
    expect(stateAfter(sent('R.', 0, 1), sent('R.', 0, 1))).toBeNull();
  });

  it('does not listen by a SYN-ACK to another SYN than it was given', () => {
    expect(stateAfter(got('S', 50), sent('S.', 0, 1))).toBeNull();
  });
});

/** An RST in answer to a SYN has the number 0. */
const refused = sent('R.', -1000, 1);

describe('SYN-SENT', () => {
  it.each([
    ['a SYN-ACK with a wrong acknowledgment', got('S.', 0, 2)],
    ['a SYN-ACK of an older SYN', got('S.', 0, -300)],
    ['an RST without an acknowledgment', got('R', 0)],
    ['an RST with a wrong acknowledgment', got('R.', 0, 2)],
    ['an ACK without SYN', got('.', 1, 1)],
    ['a FIN', got('F.', 1, 1)],
    ['an ICMP error that quotes another sequence number', unreachable(2)],
    ['its own SYN once more', sent('S', 0)],
    ['the RST with which it refuses a wrong acknowledgment', sent('R', 2)],
  ])('is not left by %s', (_title, input) => {
    expect(shownBy(fold([...synSent, input]))).toEqual(shownBy(fold(synSent)));
  });

  it('still opens after a SYN-ACK with a wrong acknowledgment, and the RST to that', () => {
    expect(stateAfter(...synSent, got('S.', 0, 50), sent('R', 50), got('S.', 0, 1))).toBe('ESTABLISHED');
  });

  it('shows no more by a SYN than before, until that is answered', () => {
    const crossed = [...synSent, got('S', 0)];
    expect(stateAfter(...crossed)).toBe('SYN-SENT');
    expect(stateAfter(...crossed, sent('S.', 0, 1))).toBe('SYN-RECEIVED');
  });

  it('had ended, silently, when a SYN is answered with RST: no arc is claimed for that', () => {
    const { state, steps } = fold([...synSent, got('S', 0), refused]);
    expect(state).toBe('CLOSED');
    expect(steps.at(-1)).toMatchObject({ from: 'SYN-SENT', to: 'CLOSED', arc: null });
  });

  it('ends when the program gives up and says so', () => {
    expect(stateAfter(...synSent, sent('R.', 1, 0))).toBe('CLOSED');
  });
});

describe('SYN-RECEIVED', () => {
  it.each([
    ['the same SYN again', got('S', 0)],
    ['its own SYN-ACK once more', sent('S.', 0, 1)],
    ['an ACK of something never sent', got('.', 1, 2)],
    ['an ACK of something before its SYN', got('.', 1, -1)],
    ['the RST with which it refuses a wrong acknowledgment', sent('R', 7)],
  ])('is not left by %s', (_title, input) => {
    expect(fold([...synReceived, input]).state).toBe('SYN-RECEIVED');
    expect(fold([...synReceivedSimultaneously, input]).state).toBe('SYN-RECEIVED');
  });

  it('of a simultaneous open is left by an ACK that acknowledges nothing (tcp_ack)', () => {
    expect(stateAfter(...synReceived, got('.', 1, 0))).toBe('SYN-RECEIVED');
    expect(stateAfter(...synReceivedSimultaneously, got('.', 1, 0))).toBe('ESTABLISHED');
  });

  it('may be left by an RST in the window: some versions of Linux obey it, until the challenge shows that not', () => {
    const reset = [...synReceived, got('R', 2)];
    expect(fold(reset).states).toEqual(['SYN-RECEIVED', 'LISTEN']);
    expect(stateAfter(...reset, sent('.', 1, 1))).toBe('SYN-RECEIVED');
    expect(stateAfter(...synReceivedSimultaneously, got('R', 2))).toBe('SYN-RECEIVED');
  });

  it('is left for CLOSE-WAIT by a FIN with the final ACK in it, by way of ESTABLISHED', () => {
    const { state, steps } = fold([...synReceived, got('F.', 1, 1)]);
    expect(state).toBe('CLOSE-WAIT');
    expect(steps.map(({ arc }) => arc?.number)).toEqual([3, 12, 18]);
  });

  it('of a simultaneous open is left by one SYN-ACK, and another changes nothing', () => {
    const open = [...synReceivedSimultaneously, got('S.', 0, 1)];
    expect(shownBy(fold([...open, got('S.', 0, 1), got('.', 1, 1)]))).toEqual(shownBy(fold(open)));
  });

  it('begins anew when a listener that was reset is given another SYN', () => {
    const again = [...synReceived, got('R', 1), got('S', 5000), sent('S.', 8000, 5001)];
    expect(fold(again)).toMatchObject({ state: 'SYN-RECEIVED', passive: true });
    expect(stateAfter(...again, got('.', 5001, 8001))).toBe('ESTABLISHED');
  });

  it('goes by the last number of a listener that forgot its SYN-ACK, and answered the same SYN with another', () => {
    // A request whose SYN-ACK can't be sent again is dropped (net/ipv4/inet_connection_sock.c, reqsk_timer_handler).
    const again = [...synReceived, got('S', 0), sent('S.', 500, 1)];
    expect(stateAfter(...again)).toBe('SYN-RECEIVED');
    expect(stateAfter(...again, got('.', 1, 1))).toBe('SYN-RECEIVED');
    expect(stateAfter(...again, got('.', 1, 501))).toBe('ESTABLISHED');
    expect(stateAfter(...again, got('F.', 1, 501))).toBe('CLOSE-WAIT');
  });

  it('closed before it is ESTABLISHED does not finish by the ACK of the SYN', () => {
    const closed = [...synReceivedSimultaneously, sent('F.', 1, 1)];
    expect(stateAfter(...closed, got('.', 1, 1))).toBe('FIN-WAIT-1');
    expect(stateAfter(...closed, got('.', 1, 2))).toBe('FIN-WAIT-2');
  });
});

describe('a FIN', () => {
  it('that already acknowledges ours makes TIME-WAIT, not CLOSING', () => {
    const { steps } = fold([...finWait1, got('F.', 1, 2)]);
    expect(steps.map(({ to }) => to).slice(-2)).toEqual(['FIN-WAIT-1', 'TIME-WAIT']);
  });

  it('that does not makes CLOSING, and one that comes again with the acknowledgment makes TIME-WAIT', () => {
    expect(stateAfter(...closing, got('F.', 1, 2))).toBe('TIME-WAIT');
  });

  it('ahead of its data waits for them', () => {
    const early = [...established, got('F.', 21, 1)];
    expect(stateAfter(...early)).toBe('ESTABLISHED');
    expect(stateAfter(...early, got('P.', 1, 1, 10))).toBe('ESTABLISHED');
    expect(stateAfter(...early, got('P.', 11, 1, 10), got('P.', 1, 1, 10))).toBe('CLOSE-WAIT');
  });

  it('ahead of its data acknowledges ours at once, and closes when they are there', () => {
    const early = [...finWait1, got('F.', 11, 2)];
    expect(stateAfter(...early)).toBe('FIN-WAIT-2');
    expect(stateAfter(...early, got('P.', 1, 2, 10))).toBe('TIME-WAIT');
  });

  it('counts once the octets are there, in whichever pieces they came again', () => {
    const early = [...established, got('FP.', 11, 1, 10)];
    expect(stateAfter(...early, got('P.', 6, 1, 10))).toBe('ESTABLISHED');
    expect(stateAfter(...early, got('P.', 6, 1, 10), got('P.', 1, 1, 7))).toBe('CLOSE-WAIT');
  });

  it('does not count before what it follows when ours is not yet acknowledged', () => {
    expect(stateAfter(...finWait1, got('F.', 11, 1), got('P.', 1, 1, 10))).toBe('CLOSING');
  });

  it('that came before, or lies far beyond any window, changes nothing, and the true one still counts', () => {
    const open = [...established, got('P.', 1, 1, 10)];
    for (const stray of [got('F.', 3, 1), got('F.', 100_000, 1), got('F.', 2 ** 30 + 20, 1)]) {
      expect(stateAfter(...open, stray)).toBe('ESTABLISHED');
      expect(stateAfter(...open, stray, got('F.', 11, 1))).toBe('CLOSE-WAIT');
    }
  });

  it('without ACK changes nothing', () => {
    expect(stateAfter(...established, got('F', 1))).toBe('ESTABLISHED');
    expect(stateAfter(...finWait2, got('F', 1))).toBe('FIN-WAIT-2');
  });
});

describe('an acknowledgment', () => {
  it.each<[State, Input[], Input]>([
    ['ESTABLISHED', established, got('.', 1, 2)],
    ['FIN-WAIT-1', finWait1, got('.', 1, 3)],
    ['FIN-WAIT-1', finWait1, got('F.', 1, 3)],
    ['CLOSING', closing, got('.', 2, 3)],
    ['LAST-ACK', lastAck, got('.', 2, 3)],
    ['ESTABLISHED', established, got('F.', 1, 2)],
  ])('in %s of something never sent changes nothing', (state, before, input) => {
    expect(stateAfter(...before, input)).toBe(state);
  });

  it('of the octets before a FIN does not acknowledge the FIN', () => {
    const closed = [...established, sent('FP.', 1, 1, 20)];
    expect(stateAfter(...closed, got('.', 1, 21))).toBe('FIN-WAIT-1');
    expect(stateAfter(...closed, got('.', 1, 22))).toBe('FIN-WAIT-2');
  });

  it('in a segment that lies before what has come changes nothing', () => {
    const before = [...established, got('P.', 1, 1, 20), sent('F.', 1, 21)];
    expect(stateAfter(...before, got('.', 20, 2))).toBe('FIN-WAIT-1');
    expect(stateAfter(...before, got('.', 21, 2))).toBe('FIN-WAIT-2');
  });
});
