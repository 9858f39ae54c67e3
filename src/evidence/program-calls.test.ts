import { describe, expect, it } from 'vitest';
import { CONNECTION, opened, timelineOf } from '../../test/hand-built.ts';
import { endOf } from './connection.ts';
import type { ProgramCalled, ProgramReturned } from './events.ts';
import { concernsEnd, isAbortive, type ProgramCall, programCalls } from './program-calls.ts';

const { client, server } = CONNECTION;
const who = { host: 'client', pid: 7, thread: 7, name: 'nc', fd: 3 } as const;
const ends = { local: client, remote: server };

function called(atMs: number, call: string, detail = ''): ProgramCalled {
  return { type: 'program-call', atMs, ...who, call, detail, ...ends };
}

function returned(atMs: number, call: string, tookMs: number, result = '0'): ProgramReturned {
  return { type: 'program-return', atMs, ...who, call, result, tookMs, ...ends };
}

describe('the calls of programs', () => {
  it('are joined to their returns, also when one of these was lost', () => {
    const calls = programCalls(
      timelineOf(
        opened(),
        called(1, 'shutdown'),
        called(2, 'shutdown'),
        returned(2.5, 'shutdown', 0.5, 'ENOTCONN'),
        called(3, 'connect'),
      ),
    );
    expect(calls.map(({ result, tookMs }) => [result, tookMs])).toEqual([
      [null, null],
      ['ENOTCONN', 0.5],
      [null, null],
    ]);
  });

  it('concern an end by its socket, or by a listener at its address', () => {
    const end = endOf(CONNECTION, 'server', 'LISTEN');
    const at = (address: string): ProgramCall => ({
      ...(programCalls(timelineOf(opened(), called(1, 'listen')))[0] as ProgramCall),
      host: 'server',
      local: { address, port: server.port },
      remote: { address: '0.0.0.0', port: 0 },
    });
    expect(concernsEnd(at('0.0.0.0'), end)).toBe(true);
    expect(concernsEnd(at(server.address), end)).toBe(true);
    expect(concernsEnd(at('127.0.0.1'), end)).toBe(false);
  });

  it('abort by close() after SO_LINGER 0 on that socket, not on one that had the descriptor before', () => {
    const linger = (seconds: number) => called(1, 'setsockopt', `SO_LINGER {l_onoff=1, l_linger=${seconds}}`);
    const closes = (...events: ProgramCalled[]) => {
      const calls = programCalls(timelineOf(opened(), ...events));
      return isAbortive(calls.at(-1) as ProgramCall, calls);
    };
    expect(closes(linger(0), called(2, 'close'))).toBe(true);
    expect(closes(linger(5), called(2, 'close'))).toBe(false);
    expect(closes(linger(0), called(2, 'close'), called(3, 'close'))).toBe(false);
    expect(closes(called(2, 'close'))).toBe(false);
  });
});
