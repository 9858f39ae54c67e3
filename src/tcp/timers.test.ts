import { describe, expect, it } from 'vitest';
import { forecast, isOrphan } from './forecast.ts';
import type { SocketRow, TcpInfo } from './socket-row.ts';
import { parseSysctls, SYSCTL_NAMES, type TcpSysctls } from './sysctls.ts';
import { meanLatenessMs } from './timer-wheel.ts';
import { schedule } from './timers.ts';

const OLD: TcpSysctls = parseSysctls(() => undefined);
const NEW: TcpSysctls = { ...OLD, synLinearTimeouts: 4 };

const INFO: TcpInfo = {
  rtoMs: 204,
  backoff: 0,
  probes: 0,
  rttMs: 0.1,
  congestionWindow: 10,
  unacknowledged: 1,
  totalRetransmits: 0,
};

function row(parts: Partial<SocketRow>): SocketRow {
  return {
    state: 'ESTABLISHED',
    local: { address: '192.168.2.10', port: 40000 },
    remote: { address: '192.168.2.11', port: 80 },
    timer: 'none',
    expiresMs: null,
    retransmits: 0,
    receiveQueue: 0,
    sendQueue: 0,
    inode: 7,
    uid: 0,
    cookie: '1',
    info: INFO,
    ...parts,
  };
}

it('are foretold of a request whose timer runs longer than any of the kernel’s', () => {
  const request = row({
    state: 'SYN-RECEIVED',
    inode: 0,
    timer: 'retransmission',
    expiresMs: 1e9,
    info: null,
  });
  expect(forecast(request, NEW, {}).givesUpMs).toBeGreaterThan(1e9);
});

it('say of a state that no segment ends that only the program does', () => {
  const because = (state: SocketRow['state']) => forecast(row({ state }), NEW, {}).because;
  expect(because('CLOSED')).toBe('no timer runs now: CLOSED lasts until the program acts');
  expect(because('LISTEN')).toBe('no timer runs now: LISTEN lasts until the program acts');
  expect(because('ESTABLISHED')).toContain('until the program or the peer acts');
});

const inSeconds = (offsetsMs: number[]) => offsetsMs.map((ms) => Math.round(ms / 1000));

describe('sysctls', () => {
  it('are read by their names', () => {
    const read = (name: string) => ({ 'net.ipv4.tcp_syn_retries': '3' })[name];
    expect(parseSysctls(read)).toEqual({ ...OLD, synRetries: 3 });
  });

  it('are as if never set on a kernel that does not have them', () => {
    expect(OLD).toMatchObject({ synLinearTimeouts: 0, rtoMinMs: 200, rtoMaxMs: 120_000, maxOrphans: null });
  });

  it('are milliseconds where the kernel has microseconds', () => {
    expect(parseSysctls((name) => (name === SYSCTL_NAMES.rtoMinMs ? '50000' : undefined)).rtoMinMs).toBe(50);
  });

  it('keep their default when what is read is no number', () => {
    expect(parseSysctls(() => 'permission denied')).toEqual(OLD);
  });
});

describe('the timer wheel', () => {
  it('rounds to the end of a bucket that is an eighth of the time at most', () => {
    expect(meanLatenessMs(200, 250)).toBe(2);
    expect(meanLatenessMs(1000, 250)).toBe(16);
    expect(meanLatenessMs(64_000, 250)).toBe(1024);
    expect(meanLatenessMs(1000, 1000)).toBe(32);
    for (let ms = 4; ms < 200_000; ms = Math.ceil(ms * 1.1)) {
      expect(meanLatenessMs(ms)).toBeLessThanOrEqual(Math.max(2, (ms * 4) / 63));
    }
  });
});

describe('schedules with the defaults, too long to wait for', () => {
  it('a SYN is sent ten times more since Linux 6.5, six times before', () => {
    const now = schedule('SYN', NEW);
    expect(inSeconds(now.offsetsMs)).toEqual([1, 2, 3, 4, 5, 7, 11, 19, 35, 69]);
    expect(inSeconds([now.endMs ?? 0])).toEqual([134]);
    const before = schedule('SYN', OLD);
    expect(inSeconds(before.offsetsMs)).toEqual([1, 3, 7, 15, 31, 64]);
    expect(inSeconds([before.endMs ?? 0])).toEqual([129]);
  });

  it('a SYN-ACK is sent five times more, and the request is gone after about a minute', () => {
    const { offsetsMs, endMs } = schedule('SYN-ACK', NEW);
    expect(inSeconds(offsetsMs)).toEqual([1, 3, 7, 15, 31]);
    expect(inSeconds([endMs ?? 0])).toEqual([64]);
  });

  it('data is given up after about a quarter of an hour', () => {
    const { endMs, lossProbes } = schedule('data or FIN', NEW);
    expect(lossProbes).toBe(1);
    expect(endMs).toBeGreaterThan(924_600);
    expect(endMs).toBeLessThan(1_100_000);
  });

  it('an orphan is given up after about 100 s, sooner than with tcp_retries2 and later with more retries', () => {
    const endMs = (orphanRetries: number) =>
      schedule('data or FIN', { ...NEW, orphanRetries }, { orphan: true }).endMs ?? 0;
    expect(endMs(0)).toBe(endMs(8));
    expect(endMs(0)).toBeGreaterThan(102_200);
    expect(endMs(0)).toBeLessThan(115_000);
    expect(endMs(3)).toBeLessThan(endMs(5));
  });

  it('a peer far away is waited for longer, its end comes hardly later', () => {
    const near = schedule('data or FIN', NEW, { rttMs: 1, rtoMs: 204 });
    const far = schedule('data or FIN', NEW, { rttMs: 300, rtoMs: 600 });
    expect(far.offsetsMs.length).toBeLessThan(near.offsetsMs.length);
    expect(far.offsetsMs[0]).toBeGreaterThan(near.offsetsMs[0] ?? 0);
  });

  it('keepalive gives up after time and probes times interval', () => {
    const { offsetsMs, endMs } = schedule('keepalive probe', NEW);
    expect(offsetsMs).toHaveLength(9);
    expect(endMs).toBeGreaterThan((7200 + 9 * 75) * 1000);
    expect(endMs).toBeLessThan((7200 + 9 * 75) * 1100);
  });

  it('an orphan’s FIN-WAIT-2 is shortest just above 60 s', () => {
    const seconds = (finTimeoutS: number) =>
      (schedule('FIN-WAIT-2', { ...NEW, finTimeoutS }, { orphan: true }).endMs ?? 0) / 1000;
    expect(seconds(60)).toBeCloseTo(61, 0);
    expect(seconds(61)).toBeCloseTo(2, 0);
    expect(seconds(90)).toBeCloseTo(62, 0);
    expect(seconds(120)).toBeCloseTo(122, 0);
    expect(seconds(180)).toBeCloseTo(242, 0);
  });

  it('one with its descriptor open has no end', () => {
    expect(schedule('FIN-WAIT-2', NEW, { orphan: false }).endMs).toBeNull();
  });

  it('TIME-WAIT is a minute, whatever the sysctls are', () => {
    expect(schedule('TIME-WAIT', NEW).endMs).toBe(schedule('TIME-WAIT', { ...NEW, finTimeoutS: 5 }).endMs);
  });
});

describe('forecasts', () => {
  it('tell an orphan from a connection that was never accepted', () => {
    expect(isOrphan({ state: 'FIN-WAIT-1', inode: 0 })).toBe(true);
    expect(isOrphan({ state: 'CLOSE-WAIT', inode: 0 })).toBe(false);
    expect(isOrphan({ state: 'FIN-WAIT-1', inode: 7 })).toBe(false);
  });

  it('count on from where the socket stands', () => {
    const told = forecast(
      row({ state: 'SYN-SENT', timer: 'retransmission', expiresMs: 500, retransmits: 9 }),
      NEW,
    );
    expect(told).toMatchObject({ timer: 'SYN', remaining: 1, nextState: 'CLOSED' });
    expect(told.because).toBe('net.ipv4.tcp_syn_retries = 6, net.ipv4.tcp_syn_linear_timeouts = 4');
    expect(inSeconds([told.givesUpMs ?? 0])).toEqual([67]);
  });

  it('give none where no timer runs, and say why', () => {
    const none = { timer: null, nextMs: null, remaining: null, givesUpMs: null, nextState: null };
    expect(forecast(row({ state: 'LISTEN' }), NEW)).toMatchObject(none);
    const told = forecast(row({ state: 'FIN-WAIT-2' }), NEW);
    expect(told).toMatchObject(none);
    expect(told.because).toContain('net.ipv4.tcp_fin_timeout = 60 applies only after close()');
  });

  it('take the loss probe for sent when something has been sent again', () => {
    const waiting = row({ timer: 'retransmission', expiresMs: 100 });
    const probed = { ...waiting, info: { ...INFO, totalRetransmits: 1 } };
    const [before, after] = [forecast(waiting, NEW), forecast(probed, NEW)];
    expect(after.remaining).toBe((before.remaining ?? 0) - 1);
  });

  it('reckon the first timeout back from a backed-off one', () => {
    const late = row({
      timer: 'retransmission',
      expiresMs: 3000,
      retransmits: 4,
      info: { ...INFO, rtoMs: 204 * 16, backoff: 4, totalRetransmits: 5 },
    });
    const planned = schedule('data or FIN', { ...NEW, retries2: 5 }, { rtoMs: 204 });
    expect(forecast(late, { ...NEW, retries2: 5 }).remaining).toBe(planned.offsetsMs.length - 5);
  });

  it('change with the sysctls', () => {
    const waiting = row({ state: 'FIN-WAIT-1', inode: 0, timer: 'retransmission', expiresMs: 100 });
    const few = forecast(waiting, { ...NEW, orphanRetries: 2 });
    const many = forecast(waiting, { ...NEW, orphanRetries: 5 });
    expect(few.givesUpMs).toBeLessThan(many.givesUpMs ?? 0);
    expect(few.because).toBe('orphaned: net.ipv4.tcp_orphan_retries = 2');
  });

  it('know which timer a row of TIME-WAIT’s kind waits with', () => {
    const small = { inode: 0, timer: 'time-wait', expiresMs: 30_000 } as const;
    expect(forecast(row({ ...small, state: 'TIME-WAIT' }), NEW).timer).toBe('TIME-WAIT');
    expect(forecast(row({ ...small, state: 'FIN-WAIT-2' }), NEW).timer).toBe('FIN-WAIT-2');
  });

  it('see no end to a window that is probed and answered', () => {
    const probing = row({ timer: 'probe', expiresMs: 100, retransmits: 1, info: { ...INFO, backoff: 3 } });
    expect(forecast(probing, NEW)).toMatchObject({ timer: 'zero-window probe', givesUpMs: null });
    expect(forecast({ ...probing, retransmits: 3 }, NEW).remaining).toBe(12);
    // The first may have been too soon after the last reply, and that to the second may still be under way.
    const fresh = { ...probing, retransmits: 2, expiresMs: INFO.rtoMs * 2 ** 3 - 10 };
    expect(forecast(fresh, NEW)).toMatchObject({ remaining: null, givesUpMs: null });
    expect(forecast({ ...fresh, expiresMs: 100 }, NEW).remaining).toBe(13);
  });

  it('see no end to keepalive while the peer replies, and one once it does not', () => {
    const keepalive = { timeS: 1, intervalS: 1, probes: 3 };
    const told = (retransmits: number, expiresMs: number) =>
      forecast(row({ timer: 'keepalive', retransmits, expiresMs }), NEW, { keepalive });
    expect(told(0, 400)).toMatchObject({ remaining: null, givesUpMs: null, nextState: null });
    expect(told(0, 400).because).toMatch(
      /^no limit while the peer replies to the probes; else keepalive: 3 probes/,
    );
    // The reply may still be under way.
    expect(told(1, 950)).toMatchObject({ givesUpMs: null });
    expect(told(1, 500)).toMatchObject({ remaining: 2, nextState: 'CLOSED' });
    expect(told(2, 500).givesUpMs).toBeLessThan(1700);
  });

  it('do not take each SYN-ACK for a timeout where its packets were not seen', () => {
    const told = forecast(
      row({ state: 'SYN-RECEIVED', inode: 0, timer: 'retransmission', retransmits: 3, expiresMs: 500 }),
      NEW,
    );
    expect(told.because).toContain('some of its 3 retransmissions may have answered a SYN');
    expect(told.unless).toMatch(/another SYN/);
  });
});
