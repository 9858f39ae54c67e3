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
  LAB,
  sent,
  stateAfter,
  synReceived,
  synSent,
  timeWait,
  unreachable,
} from '../../test/one-end.ts';
import { type End, type Fact, foldEnd, type Input, type Knowledge } from './fold.ts';
import type { State } from './state.ts';

/** What is known of a program's end in a lab whose kernel does not report calls. */
const UNSEEN: Partial<Knowledge> = { rfc1337: false, finTimeoutMs: 60_000, inConnect: false };

const called = (call: 'close' | 'shutdown' | 'abort'): Fact => ({ atMs: 0, called: call, certain: true });

function withWindow(input: Input, window: number): Input {
  return 'segment' in input ? { ...input, segment: { ...input.segment, window } } : input;
}

/** Without options in the SYNs, windows are not scaled. */
function withoutOptions(inputs: (Input | Fact)[]): (Input | Fact)[] {
  const options = { windowScale: null, sack: false };
  return inputs.map((input) =>
    'segment' in input && input.segment.flags.includes('S')
      ? { ...input, segment: { ...input.segment, options } }
      : input,
  );
}

const unseen = (...inputs: (Input | Fact)[]): End => fold(inputs, UNSEEN);
const lab = (...inputs: (Input | Fact)[]): End => fold(withoutOptions(inputs));

describe('a close() that sends nothing', () => {
  const sending = [...established, sent('P.', 1, 1, 1000)];

  it('behind unsent data fits beside ESTABLISHED, until the FIN shows or all is acknowledged', () => {
    const end = unseen(...sending);
    expect(end.states).toEqual(['ESTABLISHED', 'FIN-WAIT-1']);
    expect(end.why).toBe(
      'the FIN of a close() may wait behind unsent data or a full window; the calls would decide, ' +
        "but the program's calls are not seen",
    );
    expect(unseen(...sending, got('.', 1, 1001)).states).toEqual(['ESTABLISHED']);
    expect(unseen(...sending, sent('F.', 1001, 1)).states).toEqual(['FIN-WAIT-1']);
  });

  it('behind a zero window fits beside ESTABLISHED', () => {
    const full = [...established, sent('P.', 1, 1, 1000), withWindow(got('.', 1, 1001), 0)];
    expect(fold(withoutOptions(full), UNSEEN).states).toEqual(['ESTABLISHED', 'FIN-WAIT-1']);
  });

  it('is FIN-WAIT-1, or LAST-ACK, when the call is known, and no FIN is on the wire', () => {
    expect(lab(...sending).states).toEqual(['ESTABLISHED']);
    expect(lab(...sending, called('close')).states).toEqual(['FIN-WAIT-1']);
    expect(lab(...closeWait, sent('P.', 1, 2, 9), called('close')).states).toEqual(['LAST-ACK']);
  });

  it('in SYN-SENT leaves CLOSED', () => {
    expect(unseen(...synSent).states).toEqual(['SYN-SENT', 'CLOSED']);
    expect(unseen(...synSent, sent('S', 0)).states).toEqual(['SYN-SENT', 'CLOSED']);
    expect(lab(...synSent, called('close')).states).toEqual(['CLOSED']);
    expect(unseen(...synSent, got('S.', 0, 1), sent('R', 1)).states).toEqual(['CLOSED']);
  });

  it('is an abort in CLOSING', () => {
    expect(unseen(...closing).states).toEqual(['CLOSING', 'CLOSED']);
    expect(lab(...closing, called('abort')).states).toEqual(['CLOSED']);
  });

  it('is ruled out up to the moment at which a descriptor is found missing, or not', () => {
    const orphan: Fact = { atMs: 0, hasDescriptor: false, sinceMs: 1e9 };
    expect(unseen(...closeWait, sent('F.', 1, 2)).states).toEqual(['LAST-ACK', 'CLOSED']);
    expect(unseen(...closeWait, sent('F.', 1, 2), orphan).states).toEqual(['LAST-ACK']);
  });
});

describe('the final ACK of a handshake', () => {
  it('that a full accept queue or TCP_DEFER_ACCEPT may drop leaves SYN-RECEIVED possible', () => {
    const known = { ...LAB, hasQueueSpace: null, defersAccept: null };
    const end = fold(accepted, known);
    expect(end.states).toEqual(['ESTABLISHED', 'SYN-RECEIVED']);
    expect(end.why).toContain('TCP_DEFER_ACCEPT');
    expect(fold([...accepted, sent('P.', 1, 1, 5)], known).state).toBe('ESTABLISHED');
    expect(fold([...accepted, sent('S.', 0, 1)], known).state).toBe('SYN-RECEIVED');
    expect(fold([...accepted, { atMs: 0, accepted: true }], known).state).toBe('ESTABLISHED');
  });
});

describe('a SYN in TIME-WAIT', () => {
  it('that a full accept queue may drop, or that has a FIN, may have ended it', () => {
    const known = { ...LAB, hasQueueSpace: null, listens: null };
    for (const flags of ['S', 'FS'] as const) {
      const end = fold([...timeWait, got(flags, 70)], known);
      expect(end.states).toEqual(['TIME-WAIT', 'CLOSED']);
      expect(end.possibleSteps.at(-1)?.why).toBe('a listener takes its ports for a new SYN');
      expect(fold([...timeWait, got(flags, 70), sent('.', 2, 2)], known).state).toBe('TIME-WAIT');
    }
    const answered = fold([...timeWait, got('S', 70), sent('S.', 700, 71)], known);
    expect(answered.state).toBe('SYN-RECEIVED');
    expect(answered.steps.at(-1)?.arc).toMatchObject({ from: 'TIME-WAIT', to: 'SYN-RECEIVED' });
    expect(fold([...timeWait, got('FS', 70)], { ...known, listens: true }).state).toBe('CLOSED');
  });
});

describe('TCP Fast Open', () => {
  it('has data on the SYN acknowledged with it, at the server', () => {
    const open = [got('S', 0, null, 10), sent('S.', 0, 11)];
    expect(stateAfter(...open)).toBe('SYN-RECEIVED');
    expect(stateAfter(...open, sent('P.', 1, 11, 20))).toBe('SYN-RECEIVED');
    expect(stateAfter(...open, sent('F.', 1, 11))).toBe('FIN-WAIT-1');
    expect(stateAfter(...open, got('.', 11, 1))).toBe('ESTABLISHED');
  });

  it('has them acknowledged or not, at the client', () => {
    const open = sent('S', 0, null, 10);
    expect(stateAfter(open, got('S.', 0, 11))).toBe('ESTABLISHED');
    expect(stateAfter(open, got('S.', 0, 1))).toBe('ESTABLISHED');
    expect(stateAfter(open, got('S.', 0, 12))).toBe('SYN-SENT');
  });

  it('is not used by a listener that acknowledges the SYN alone', () => {
    const open = [got('S', 0, null, 10), sent('S.', 0, 1)];
    expect(stateAfter(...open, got('.', 1, 1))).toBe('ESTABLISHED');
    expect(stateAfter(...open, got('P.', 1, 1, 10), got('F.', 11, 1))).toBe('CLOSE-WAIT');
  });
});

describe('a new SYN from a port whose connection ended', () => {
  it('begins a connection after TIME-WAIT (net.ipv4.tcp_tw_reuse), and after an orphan’s FIN-WAIT-2', () => {
    for (const before of [timeWait, [...finWait2, called('close')]]) {
      const { state, steps } = fold([...before, sent('S', 500_000), got('S.', 700_000, 500_001)]);
      expect(state).toBe('ESTABLISHED');
      expect(steps.slice(-3).map(({ to, arc }) => [to, arc?.number ?? null])).toEqual([
        ['CLOSED', null],
        ['SYN-SENT', 2],
        ['ESTABLISHED', 6],
      ]);
    }
  });
});

describe('an end that is known to be gone', () => {
  const gone: Fact = { atMs: 0, gone: true, sinceMs: 1e9, except: [] };

  it('is not brought back by what arrives for it', () => {
    const dead = [...finWait2, gone, got('F.', 1, 2)];
    expect(fold(dead).states).toEqual([]);
    expect(fold(dead).why).toBe('the socket is gone, and no segment shows that');
    expect(stateAfter(...dead, sent('R', 2))).toBe('CLOSED');
    expect(stateAfter(...established, gone, got('P.', 1, 1, 9), sent('R', 1))).toBe('CLOSED');
  });

  it('is not gone where the kernel goes on without a full socket', () => {
    const except = ['TIME-WAIT', 'FIN-WAIT-2'] as const;
    expect(stateAfter(...timeWait, { ...gone, except })).toBe('TIME-WAIT');
  });
});

describe('an orphan in FIN-WAIT-2', () => {
  const orphan = [...finWait2, called('close')];

  it('ends at data, with an RST', () => {
    expect(stateAfter(...orphan, got('P.', 1, 2, 9))).toBe('CLOSED');
    expect(stateAfter(...finWait2, got('P.', 1, 2, 9))).toBe('FIN-WAIT-2');
    expect(unseen(...finWait2, got('P.', 1, 2, 9)).states).toEqual(['FIN-WAIT-2', 'CLOSED']);
    expect(unseen(...finWait2, got('P.', 1, 2, 9), sent('.', 2, 10)).states).toEqual(['FIN-WAIT-2']);
    expect(unseen(...finWait2, got('P.', 1, 2, 9), sent('R', 2)).states).toEqual(['CLOSED']);
  });

  it('is ended by any RST in its window', () => {
    expect(stateAfter(...orphan, got('R', 50))).toBe('CLOSED');
    expect(stateAfter(...finWait2, got('R', 50))).toBe('FIN-WAIT-2');
    expect(unseen(...finWait2, got('R', 50)).states).toEqual(['FIN-WAIT-2', 'CLOSED']);
  });

  it('may have ended by its timer once that was due', () => {
    const late: Input = { ...got('.', 1, 2), atMs: 61_000 };
    const inputs = orphan.map((input, index) => ({ ...input, atMs: index }));
    const laterAt = (atMs: number) => foldAt([...inputs, { ...late, atMs }]).states;
    expect(laterAt(50_000)).toEqual(['FIN-WAIT-2']);
    expect(laterAt(61_000)).toEqual(['FIN-WAIT-2', 'CLOSED']);
    expect(laterAt(120_000)).toEqual(['CLOSED']);
  });
});

describe('a window', () => {
  const narrow = [synReceived[0] as Input, withWindow(synReceived[1] as Input, 100), got('.', 1, 1)];

  it('keeps out a FIN and data beyond what was offered', () => {
    expect(lab(...narrow, got('F.', 102, 1)).states).toEqual(['ESTABLISHED']);
    expect(lab(...narrow, got('P.', 200, 1, 9), got('FP.', 1, 1, 100)).states).toContain('CLOSE-WAIT');
    const filled = [...narrow, got('P.', 1, 1, 100), withWindow(sent('.', 1, 101), 0)];
    expect(lab(...filled, got('FP.', 101, 1, 9)).states).toEqual(['ESTABLISHED']);
    // A bare FIN needs none (net/ipv4/tcp_input.c, tcp_data_queue), but for versions that count it in (tcp_sequence).
    expect(lab(...filled, got('F.', 101, 1)).states).toEqual(['CLOSE-WAIT', 'ESTABLISHED']);
  });

  it('may keep out what begins in it and ends beyond it', () => {
    const end = lab(...narrow, got('FP.', 1, 1, 150));
    expect(end.states).toEqual(['CLOSE-WAIT', 'ESTABLISHED']);
    expect(lab(...narrow, got('FP.', 1, 1, 150), sent('.', 1, 152)).state).toBe('CLOSE-WAIT');
  });

  it('is scaled only if both SYNs ask for it', () => {
    const scaled = (ours: number | null, theirs: number | null) =>
      narrow.map((input, index) => {
        const options = { windowScale: index === 0 ? theirs : ours, sack: false };
        return 'segment' in input && index < 2 ? { ...input, segment: { ...input.segment, options } } : input;
      });
    // 10 as it stands in the segment is 160.
    const fin = [withWindow(sent('.', 1, 1), 10), got('F.', 121, 1), got('P.', 1, 1, 120)];
    expect(fold([...scaled(4, 2), ...fin]).states).toEqual(['CLOSE-WAIT']);
    expect(fold([...scaled(4, null), ...fin]).states).not.toContain('LAST-ACK');
    expect(
      fold([...scaled(4, null), withWindow(sent('.', 1, 1), 10), got('F.', 121, 1)]).finReceived,
    ).toBeNull();
  });
});

describe('an acknowledgment that is too old (RFC 5961, 5)', () => {
  it('takes the FIN of its segment with it', () => {
    const old = withoutOptions([...established, sent('P.', 1, 1, 60_000), got('.', 1, 60_001)]);
    const more = [...old, sent('P.', 60_001, 1, 60_000), got('.', 1, 120_001)];
    expect(fold([...more, got('F.', 1, 110_000)]).states).toEqual(['CLOSE-WAIT']);
    expect(fold([...more, got('F.', 1, 1)]).states).toEqual(['ESTABLISHED']);
  });
});

describe('an RST', () => {
  it('at RCV.NXT - 1 ends CLOSE-WAIT, CLOSING and LAST-ACK', () => {
    for (const before of [closeWait, closing, [...closeWait, sent('F.', 1, 2)]])
      expect(stateAfter(...before, got('R', 1))).toBe('CLOSED');
    expect(stateAfter(...established, got('R', 0))).toBe('ESTABLISHED');
  });

  it('at the edge of a SACK block counts, if SACK is used', () => {
    const withSack = (sack: boolean) =>
      [...established, got('P.', 101, 1, 50)].map((input) =>
        'segment' in input && input.segment.flags.includes('S')
          ? { ...input, segment: { ...input.segment, options: { windowScale: null, sack } } }
          : input,
      );
    expect(stateAfter(...withSack(true), got('R', 151))).toBe('CLOSED');
    expect(stateAfter(...withSack(false), got('R', 151))).toBe('ESTABLISHED');
  });

  it('in TIME-WAIT does what net.ipv4.tcp_rfc1337 says, where that is known', () => {
    const reset = [...timeWait, got('R', 2)];
    expect(fold(reset, { ...LAB, rfc1337: true }).states).toEqual(['TIME-WAIT']);
    expect(fold(reset, { ...LAB, rfc1337: false }).states).toEqual(['CLOSED']);
    const end = fold(reset, { ...LAB, rfc1337: null });
    expect(end.states).toEqual(['CLOSED', 'TIME-WAIT']);
    expect(end.why).toContain('tcp_rfc1337');
  });
});

describe('text after the peer’s FIN', () => {
  it('is ignored', () => {
    expect(stateAfter(...closeWait, got('P.', 2, 1, 9))).toBe('CLOSE-WAIT');
    expect(fold([...closeWait, got('P.', 2, 1, 9)]).receiveNext).toBe(fold(closeWait).receiveNext);
  });

  it('that overlaps it resets the connection (net/ipv4/tcp_input.c, tcp_rcv_state_process)', () => {
    expect(stateAfter(...closeWait, got('P.', 1, 1, 9))).toBe('CLOSED');
  });
});

describe('an ICMP error', () => {
  it('is only noted while connect() holds the socket', () => {
    const inConnect = (is: boolean): Fact => ({ atMs: 0, known: { inConnect: is } });
    expect(stateAfter(inConnect(true), ...synSent, unreachable(0))).toBe('SYN-SENT');
    expect(stateAfter(inConnect(true), ...synSent, inConnect(false), unreachable(0))).toBe('CLOSED');
  });

  it('soon after the first SYN may be one of these, if calls are not seen', () => {
    const soon = (atMs: number) =>
      foldAt([{ atMs: 0, known: { ...LAB, inConnect: null } }, ...synSent, { ...unreachable(0), atMs }]);
    expect(soon(1).states).toEqual(['CLOSED', 'SYN-SENT']);
    expect(soon(1000).states).toEqual(['CLOSED']);
  });
});

describe('a segment of which only the arrival is known', () => {
  const maybe = (input: Input): Input => ({ ...input, maybe: true });

  it('leaves both states possible until the end acknowledges it', () => {
    const arrived = [...accepted, maybe(got('F.', 1, 1))];
    expect(fold(arrived).states).toEqual(['CLOSE-WAIT', 'ESTABLISHED']);
    expect(fold(arrived).why).toContain('firewall');
    expect(stateAfter(...arrived, sent('.', 1, 2))).toBe('CLOSE-WAIT');
    expect(stateAfter(...arrived, sent('P.', 1, 1, 9))).toBe('ESTABLISHED');
  });

  it('does not end FIN-WAIT-1 if the FIN is retransmitted', () => {
    const arrived = [...finWait1, maybe(got('.', 1, 2))];
    expect(fold(arrived).states).toEqual(['FIN-WAIT-2', 'FIN-WAIT-1']);
    expect(stateAfter(...arrived, sent('F.', 1, 1))).toBe('FIN-WAIT-1');
  });

  it('arrived if the kernel gave up the full socket in the state that it leads to, or from', () => {
    const gaveUp = (from: State): Fact => {
      return { atMs: 0, gone: true, sinceMs: 1e6, from, except: ['TIME-WAIT', 'FIN-WAIT-2'] };
    };
    const acknowledged = [...finWait1, maybe(got('.', 1, 2))];
    expect(fold([...acknowledged, gaveUp('FIN-WAIT-2')]).state).toBe('FIN-WAIT-2');
    expect(fold([...closing, maybe(got('.', 2, 2)), gaveUp('CLOSING')]).state).toBe('TIME-WAIT');
    expect(fold([...closing, gaveUp('CLOSING')]).why).toContain('the socket is gone');
  });
});

describe('a contradiction', () => {
  it('makes the state unknown, until a segment tells it again', () => {
    const impossible = [...timeWait, sent('P.', 2, 2, 100)];
    expect(fold(impossible)).toMatchObject({
      states: [],
      why: 'a segment contradicts every state that fitted before',
    });
    expect(stateAfter(...impossible, sent('S', 900_000))).toBe('SYN-SENT');
  });
});

function foldAt(inputs: (Input | Fact)[]): End {
  return foldEnd([{ atMs: 0, known: LAB }, ...inputs]);
}
