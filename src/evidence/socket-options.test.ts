import { describe, expect, it } from 'vitest';
import { called } from '../../test/drawn.ts';
import { CONNECTION, dropped, opened, row, segment, timelineOf } from '../../test/hand-built.ts';
import { forecast } from '../tcp/forecast.ts';
import { parseSysctls } from '../tcp/sysctls.ts';
import type { SocketOptionsRead } from './events.ts';
import { peculiaritiesOf } from './socket-options.ts';

const sysctls = parseSysctls(() => undefined);
const { client, server } = CONNECTION;
const established = row('ESTABLISHED', server, client);
const DEFAULTS = { TCP_SYNCNT: 6, TCP_LINGER2: 60, TCP_KEEPIDLE: 7200, TCP_KEEPINTVL: 75, TCP_KEEPCNT: 9 };

function read(atMs: number, options: Record<string, number> | null, remote = client): SocketOptionsRead {
  const why = options ? null : 'pidfd_getfd (process 7) failed: EPERM';
  return {
    type: 'socket-options',
    atMs,
    host: 'server',
    local: server,
    remote,
    name: 'python3',
    options,
    why,
  };
}

describe('what is known of a socket beyond the sysctls', () => {
  it('is what its program has set, and who has', () => {
    const timeline = timelineOf(opened(), read(1, { ...DEFAULTS, TCP_USER_TIMEOUT: 5000 }));
    expect(peculiaritiesOf(timeline, 'server', established, sysctls)).toEqual({
      userTimeoutMs: 5000,
      setBy: 'python3',
    });
    expect(peculiaritiesOf(timeline, 'client', row('ESTABLISHED', client, server), sysctls)).toEqual({});
  });

  it('is nothing where all is as the sysctls have it', () => {
    const timeline = timelineOf(opened(), read(1, { ...DEFAULTS, TCP_USER_TIMEOUT: 0 }));
    expect(peculiaritiesOf(timeline, 'server', established, sysctls)).toEqual({});
  });

  it('is the latest that was read, also when the program has closed it', () => {
    const keepalive = { ...DEFAULTS, TCP_KEEPIDLE: 2, TCP_KEEPINTVL: 1, TCP_KEEPCNT: 2 };
    const timeline = timelineOf(opened(), read(1, DEFAULTS), read(2, keepalive));
    const orphan = { ...row('FIN-WAIT-1', server, client), inode: 0 };
    expect(peculiaritiesOf(timeline, 'server', orphan, sysctls)).toMatchObject({
      keepalive: { timeS: 2, intervalS: 1, probes: 2 },
    });
  });

  it('is its listener’s for as long as nobody has accepted it', () => {
    const nobody = { address: '0.0.0.0', port: 0 };
    const timeline = timelineOf(opened(), read(1, { ...DEFAULTS, TCP_SYNCNT: 2 }, nobody));
    const request = { ...row('SYN-RECEIVED', server, client), inode: 0 };
    expect(peculiaritiesOf(timeline, 'server', request, sysctls)).toMatchObject({ synCount: 2 });
    expect(peculiaritiesOf(timeline, 'server', established, sysctls)).toEqual({});
  });

  it('is what tcplab has set by its own calls', () => {
    const timeline = timelineOf(
      opened(),
      called(1, 'client', 'setsockopt', 'TCP_SYNCNT 2'),
      called(2, 'client', 'bind', `192.168.2.10:${client.port}`),
    );
    expect(peculiaritiesOf(timeline, 'client', row('SYN-SENT', client, server), sysctls)).toEqual({
      synCount: 2,
      setBy: 'tcplab',
    });
  });

  it('is not known where it could not be read, and the forecast says so', () => {
    const timeline = timelineOf(opened(), read(1, null));
    const peculiarities = peculiaritiesOf(timeline, 'server', established, sysctls);
    expect(peculiarities).toEqual({ unread: true });
    const probing = { ...established, timer: 'keepalive', expiresMs: 2000 } as const;
    expect(forecast(probing, sysctls, peculiarities).because).toMatch(
      /own options can't be read, and would change/,
    );
    // Not as late as a timer of two hours is.
    expect(forecast(probing, sysctls, peculiarities).nextMs).toBeLessThan(2500);
  });

  it('is that its SYN-ACK does not leave its host, when the last was dropped there', () => {
    const request = { ...row('SYN-RECEIVED', server, client), inode: 0 };
    const timer = { ...request, timer: 'retransmission', expiresMs: 1000 } as const;
    const timeline = timelineOf(opened(), dropped(1, 'server', 'out', segment('server', 'S.', 0, 1)));
    const peculiarities = peculiaritiesOf(timeline, 'server', request, sysctls);
    expect(forecast(timer, sysctls, peculiarities)).toMatchObject({ remaining: 0, nextState: 'LISTEN' });
    expect(forecast(timer, sysctls, peculiarities).givesUpMs).toBeLessThan(1200);
    expect(forecast(timer, sysctls).givesUpMs).toBeGreaterThan(60_000);
  });
});
