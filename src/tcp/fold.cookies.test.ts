import { describe, expect, it } from 'vitest';
import { fold, got, LAB, sent, synReceived } from '../../test/one-end.ts';
import { type End, type Fact, foldEnd, type Input } from './fold.ts';

const listening = { ...LAB, listens: true } as const;
const certain = (...inputs: (Input | Fact)[]): End => fold(inputs, { ...listening, synCookies: 'always' });
const maybe = (...inputs: (Input | Fact)[]): End => fold(inputs, { ...listening, synCookies: 'maybe' });
const stepsOf = ({ steps }: End) => steps.map(({ from, to, arc, why }) => [from, to, arc?.trigger ?? why]);
/** `fold` puts a tenth of a second between two inputs. */
const looked = (hasRequest: boolean, sinceMs: number): Fact => ({ atMs: 0, hasRequest, sinceMs });

describe('a listener that always answers with a SYN cookie', () => {
  it('stays one until the final ACK, and no RFC arc leads from there to ESTABLISHED', () => {
    expect(certain(...synReceived).states).toEqual(['LISTEN']);
    const end = certain(...synReceived, got('.', 1, 1));
    expect(end.states).toEqual(['ESTABLISHED']);
    expect(stepsOf(end)).toEqual([
      ['LISTEN', 'ESTABLISHED', 'the final ACK brings a SYN cookie back, of which Linux makes the socket'],
    ]);
  });

  it('answers a SYN again with the same number, or another', () => {
    const again = [...synReceived, got('S', 0), sent('S.', 0, 1)];
    expect(certain(...again).states).toEqual(['LISTEN']);
    expect(certain(...again, got('S', 0), sent('S.', 77, 1), got('.', 1, 78)).states).toEqual([
      'ESTABLISHED',
    ]);
  });

  it('takes data, and a FIN, with the ACK; nothing else makes a socket of it', () => {
    expect(certain(...synReceived, got('P.', 1, 1, 5)).receiveNext).toBe((9000 + 6) >>> 0);
    expect(certain(...synReceived, got('F.', 1, 1)).states).toEqual(['CLOSE-WAIT']);
    for (const other of [got('.', 1, 2), got('.', 2, 1), got('R', 1), got('R.', 1, 1)])
      expect(certain(...synReceived, other).states).toEqual(['LISTEN']);
  });

  it('ignores the ACK while the accept queue is full', () => {
    const known = { ...listening, synCookies: 'always', hasQueueSpace: null } as const;
    expect(fold([...synReceived, got('.', 1, 1)], known).states).toEqual(['ESTABLISHED', 'LISTEN']);
    const isFull: Fact = { atMs: 0, known: { isQueueFull: true } };
    expect(fold([...synReceived, isFull, got('.', 1, 1)], known).states).toEqual(['LISTEN']);
  });

  it('makes a request of a SYN whose data it accepts', () => {
    expect(certain(got('S', 0, null, 5), sent('S.', 0, 6)).states).toEqual(['SYN-RECEIVED']);
  });
});

describe('a listener that may have answered with a SYN cookie', () => {
  it('is in either state, and says what would decide it', () => {
    const end = maybe(...synReceived);
    expect(end.states).toEqual(['SYN-RECEIVED', 'LISTEN']);
    expect(end.why).toBe(
      'a listener that answers with a SYN cookie makes no socket before the final ACK; the socket table or the ' +
        'kernel’s counter SyncookiesSent would decide',
    );
    expect(maybe(...synReceived, got('.', 1, 1)).states).toEqual(['ESTABLISHED']);
  });

  it('is decided by a look at the table', () => {
    expect(maybe(...synReceived, looked(true, 150)).states).toEqual(['SYN-RECEIVED']);
    expect(maybe(...synReceived, looked(false, 150)).states).toEqual(['LISTEN']);
    // An ACK that a request drops (TCP_DEFER_ACCEPT) makes a socket of a cookie.
    const deferred = { ...listening, synCookies: 'maybe', defersAccept: true } as const;
    const both = [...synReceived, got('.', 1, 1)];
    expect(fold(both, deferred).states).toEqual(['SYN-RECEIVED', 'ESTABLISHED']);
    expect(fold([...both, looked(true, 250)], deferred).states).toEqual(['SYN-RECEIVED']);
    // The look may have been before the SYN.
    expect(maybe(...synReceived, looked(false, 50)).states).toEqual(['SYN-RECEIVED', 'LISTEN']);
  });

  it('is decided by a SYN-ACK that answers no SYN: a request’s timer sent it', () => {
    expect(maybe(...synReceived, sent('S.', 0, 1)).states).toEqual(['SYN-RECEIVED']);
    expect(maybe(...synReceived, got('S', 0), sent('S.', 0, 1)).states).toEqual(['SYN-RECEIVED', 'LISTEN']);
  });
});

it('where nothing is known of cookies there are none', () => {
  expect(foldEnd(synReceived).states).toEqual(['SYN-RECEIVED']);
  expect(fold([...synReceived, looked(false, 150)]).states).toEqual(['SYN-RECEIVED']);
});
