import { type Endpoint, sameEndpoint } from '../tcp/endpoint.ts';
import type { SocketRow } from '../tcp/socket-row.ts';
import type { TcpSysctls } from '../tcp/sysctls.ts';
import type { Peculiarities } from '../tcp/timers.ts';
import type { Captured, Dropped, HostName, SocketOptionsRead } from './events.ts';
import type { Timeline } from './timeline.ts';

/**
 * What is known of a socket beyond its host's sysctls: what its program has set, what tcplab has, and what its listener has for a
 * socket that has no descriptor yet. It stays known when the program has closed it.
 */
export function peculiaritiesOf(
  timeline: Timeline,
  host: HostName,
  row: Pick<SocketRow, 'state' | 'local' | 'remote' | 'inode'>,
  sysctls: TcpSysctls,
): Peculiarities {
  const unsendable = isStuckAtHome(timeline, host, row) ? { unsendable: true } : {};
  return { ...unsendable, ...ofOptions(timeline, host, row, sysctls) };
}

/** Whether the last SYN-ACK for a request was dropped before it left. */
function isStuckAtHome(
  timeline: Timeline,
  host: HostName,
  { state, inode, local, remote }: Pick<SocketRow, 'state' | 'local' | 'remote' | 'inode'>,
): boolean {
  if (state !== 'SYN-RECEIVED' || inode !== 0) return false;
  const isOurs = ({ host: at, wire }: Captured | Dropped) =>
    at === host &&
    wire.kind === 'tcp' &&
    wire.segment.flags === 'S.' &&
    sameEndpoint(wire.segment.source, local) &&
    sameEndpoint(wire.segment.destination, remote);
  const dropped = timeline.of('dropped').findLast((event) => event.hook === 'out' && isOurs(event));
  const left = timeline.of('captured').findLast((event) => event.direction === 'sent' && isOurs(event));
  return dropped !== undefined && (left === undefined || left.atMs < dropped.atMs);
}

function ofOptions(
  timeline: Timeline,
  host: HostName,
  row: Pick<SocketRow, 'local' | 'remote' | 'inode'>,
  sysctls: TcpSysctls,
): Peculiarities {
  const own = ownOptions(timeline, host, row.local);
  const read = timeline
    .of('socket-options')
    .findLast((event) => event.host === host && event.options !== null && isOf(event, row));
  const set = read?.options ?? own;
  const unread =
    !set && timeline.of('socket-options').some((event) => event.host === host && isOf(event, row));
  if (unread) return { unread: true };
  if (!set) return {};
  const peculiarities = differing(set, sysctls, read !== undefined);
  const by = read ? read.name : 'tcplab';
  return Object.keys(peculiarities).length > 0 ? { ...peculiarities, setBy: by } : {};
}

/** The socket's own, or its listener's: a connection that was not accepted yet has these. */
function isOf(
  { local, remote }: SocketOptionsRead,
  row: Pick<SocketRow, 'local' | 'remote' | 'inode'>,
): boolean {
  if (sameEndpoint(remote, row.remote)) return sameEndpoint(local, row.local) || remote.port === 0;
  return row.inode === 0 && remote.port === 0 && local.port === row.local.port;
}

/** What tcplab's own calls have set on the socket that it bound to that port. */
function ownOptions(timeline: Timeline, host: HostName, local: Endpoint): Record<string, number> | undefined {
  const calls = timeline.of('call').filter((event) => event.host === host && event.result === 'ok');
  const bind = calls.findLast(({ call, detail }) => call === 'bind' && detail.endsWith(`:${local.port}`));
  const set = calls.filter(({ call, socket }) => call === 'setsockopt' && socket === bind?.socket);
  if (set.length === 0) return undefined;
  return Object.fromEntries(
    set.map(({ detail }) => {
      const [option = '', value] = detail.split(' ');
      return [option, Number(value)];
    }),
  );
}

/** Options that differ from the sysctls. For an option that was never set, getsockopt() returns the sysctl's value. */
function differing(options: Record<string, number>, sysctls: TcpSysctls, isRead: boolean): Peculiarities {
  const changed = (name: string, usual: number) => {
    const value = options[name];
    return value === undefined || (isRead && value === usual) ? undefined : value;
  };
  const userTimeoutMs = changed('TCP_USER_TIMEOUT', 0);
  const synCount = changed('TCP_SYNCNT', sysctls.synRetries);
  const linger2S = changed('TCP_LINGER2', sysctls.finTimeoutS);
  const rtoMaxMs = changed('TCP_RTO_MAX_MS', sysctls.rtoMaxMs);
  const deferS = changed('TCP_DEFER_ACCEPT', 0);
  const timeS = changed('TCP_KEEPIDLE', sysctls.keepaliveTimeS);
  const intervalS = changed('TCP_KEEPINTVL', sysctls.keepaliveIntervalS);
  const probes = changed('TCP_KEEPCNT', sysctls.keepaliveProbes);
  const keepalive = {
    ...(timeS === undefined ? {} : { timeS }),
    ...(intervalS === undefined ? {} : { intervalS }),
    ...(probes === undefined ? {} : { probes }),
  };
  return {
    ...(userTimeoutMs === undefined ? {} : { userTimeoutMs }),
    ...(synCount === undefined ? {} : { synCount }),
    ...(linger2S === undefined || linger2S < 0 ? {} : { linger2S }),
    ...(rtoMaxMs === undefined || rtoMaxMs === 0 ? {} : { rtoMaxMs }),
    ...(deferS === undefined ? {} : { deferS }),
    ...(Object.keys(keepalive).length === 0 ? {} : { keepalive }),
  };
}
