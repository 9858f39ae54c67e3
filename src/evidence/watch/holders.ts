import type { HostName } from '../events.ts';
import type { Timeline } from '../timeline.ts';

/** A process that has a socket open. */
export interface Holder {
  pid: number;
  name: string;
}

/** Which processes have the socket with this inode open, as far as tcplab found them; none for inode 0. */
export function holdersOf(timeline: Timeline, host: HostName, inode: number): Holder[] {
  if (inode === 0) return [];
  const released = timeline.of('socket-released').filter((event) => event.host === host);
  const owned = timeline
    .of('socket-owned')
    .filter(
      (event) =>
        event.host === host &&
        event.inode === inode &&
        !released.some((one) => one.inode === inode && one.pid === event.pid && one.fd === event.fd),
    );
  return [...new Map(owned.map(({ pid, name }) => [pid, { pid, name }])).values()];
}
