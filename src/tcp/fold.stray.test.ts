import { describe, expect, it } from 'vitest';
import {
  accepted,
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
import type { Input } from './fold.ts';
import type { State } from './state.ts';

describe('an RST', () => {
  it.each<[State, Input[], number]>([
    ['ESTABLISHED', established, 1],
    ['FIN-WAIT-1', finWait1, 1],
    ['FIN-WAIT-2', finWait2, 1],
    ['CLOSING', closing, 2],
    ['CLOSE-WAIT', closeWait, 2],
    ['LAST-ACK', lastAck, 2],
    ['TIME-WAIT', timeWait, 2],
  ])(
    'in %s that is not exactly at the next sequence number changes nothing (RFC 5961)',
    (_, before, next) => {
      const state = shownBy(fold(before));
      // Linux also takes the one just before, once it has heard a FIN (net/ipv4/tcp_input.c, tcp_reset_check).
      const justBefore = next === 1 ? [next - 1] : [];
      for (const seq of [...justBefore, next + 1, next + 1000, next - 1000]) {
        expect(shownBy(fold([...before, got('R', seq)])), `at ${seq}`).toEqual(state);
        expect(shownBy(fold([...before, got('R.', seq, 1)])), `at ${seq}`).toEqual(state);
      }
    },
  );

  it('must be after the octets that have come, not before', () => {
    const before = [...established, got('P.', 1, 1, 20)];
    expect(stateAfter(...before, got('R', 1))).toBe('ESTABLISHED');
    expect(stateAfter(...before, got('R', 21))).toBe('CLOSED');
  });

  it('that an end sends after it has aborted changes nothing more', () => {
    const aborted = [...established, sent('R.', 1, 1)];
    expect(shownBy(fold([...aborted, got('P.', 1, 1, 5), sent('R', 1)]))).toEqual(shownBy(fold(aborted)));
  });

  it('of an end in FIN-WAIT-2 that was given octets nobody will read closes it', () => {
    expect(stateAfter(...finWait2, got('P.', 1, 2, 5), sent('R', 2))).toBe('CLOSED');
  });
});

/** Once its SYN or FIN is acknowledged, no socket sends it again; and all that it sends has the newest acknowledgment. */
function isOwed(state: State, input: Input): boolean {
  const owed = ['SYN-SENT', 'SYN-RECEIVED', 'FIN-WAIT-1', 'LAST-ACK'].includes(state);
  return owed && 'segment' in input && /[SF]/.test(input.segment.flags);
}

describe('a retransmission', () => {
  it.each<[State, Input[]]>([
    ['SYN-SENT', synSent],
    ['SYN-RECEIVED', synReceived],
    ['SYN-RECEIVED', synReceivedSimultaneously],
    ['ESTABLISHED', established],
    ['ESTABLISHED', [...accepted, sent('P.', 1, 1, 20), got('P.', 1, 1, 30)]],
    ['FIN-WAIT-1', finWait1],
    ['FIN-WAIT-2', finWait2],
    ['CLOSING', closing],
    ['CLOSE-WAIT', closeWait],
    ['LAST-ACK', lastAck],
    ['TIME-WAIT', timeWait],
  ])(
    'in %s of anything that is not acknowledged, or that the peer has sent, changes nothing',
    (state, before) => {
      const whole = fold(before);
      const again = before.filter((input) => input.direction === 'received' || isOwed(state, input));
      for (const one of again) expect(shownBy(fold([...before, one]))).toEqual(shownBy(whole));
      expect(shownBy(fold([...before, ...again]))).toEqual(shownBy(whole));
    },
  );

  it('that now carries more octets, and the FIN with them, is a close', () => {
    const before = [...established, sent('P.', 1, 1, 20)];
    expect(stateAfter(...before, sent('FP.', 1, 1, 40))).toBe('FIN-WAIT-1');
    expect(stateAfter(...before, sent('FP.', 1, 1, 40), got('.', 1, 42))).toBe('FIN-WAIT-2');
  });
});

describe('a SYN', () => {
  it.each<[State, Input[]]>([
    ['ESTABLISHED', established],
    ['FIN-WAIT-1', finWait1],
    ['FIN-WAIT-2', finWait2],
    ['CLOSING', closing],
    ['CLOSE-WAIT', closeWait],
    ['LAST-ACK', lastAck],
  ])('in %s changes nothing (RFC 5961)', (state, before) => {
    const challenged = [...before, got('S', 1), sent('.', 2, 2)];
    expect(stateAfter(...challenged)).toBe(state);
    expect(stateAfter(...before, got('S', 500))).toBe(state);
  });

  it('in TIME-WAIT changes nothing until it is answered with SYN-ACK', () => {
    expect(stateAfter(...timeWait, got('S', 70))).toBe('TIME-WAIT');
    expect(stateAfter(...timeWait, got('S', 70), sent('.', 2, 2))).toBe('TIME-WAIT');
  });

  it('that TIME-WAIT gave way to opens a connection with numbers of its own', () => {
    const again = [...timeWait, got('S', 70), sent('S.', 700, 71)];
    expect(stateAfter(...again, got('.', 71, 701))).toBe('ESTABLISHED');
    expect(stateAfter(...again, got('.', 71, 701), got('F.', 71, 701))).toBe('CLOSE-WAIT');
    expect(stateAfter(...again, got('R', 71))).toBe('LISTEN');
  });

  it('after CLOSED begins a new connection from the same port', () => {
    const again = [...established, got('R', 1), sent('S', 600_000), got('S.', 400_000, 600_001)];
    const { state, steps } = fold(again);
    expect(state).toBe('ESTABLISHED');
    expect(steps.map(({ arc }) => arc?.number)).toEqual([2, 6, 19, 2, 6]);
  });
});

describe('a listener', () => {
  it('that refuses a stray ACK with RST still listens', () => {
    const reset = [...synReceived, got('R', 1)];
    expect(stateAfter(...reset, got('.', 1, 1), sent('R', 1))).toBe('LISTEN');
    expect(stateAfter(...reset, got('.', 1, 50), sent('R', 50))).toBe('LISTEN');
  });

  it('that is gone refuses a SYN with RST', () => {
    expect(stateAfter(...synReceived, got('R', 1), got('S', 50), sent('R.', 0, 51))).toBe('CLOSED');
  });
});

describe('an ICMP error', () => {
  it.each<[State, Input[]]>([
    ['ESTABLISHED', established],
    ['FIN-WAIT-1', finWait1],
    ['TIME-WAIT', timeWait],
  ])('in %s is only a hint, and changes nothing', (state, before) => {
    expect(stateAfter(...before, unreachable(0), unreachable(1))).toBe(state);
  });
});
