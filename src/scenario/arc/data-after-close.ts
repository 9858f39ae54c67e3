import { otherHost } from '../../evidence/events.ts';
import type { Scenario } from '../scenario.ts';
import { family } from './family.ts';
import { type BothInside, finWait1, finWait2 } from './start.ts';

const dataAfterClose = family<BothInside>({
  name: 'data-after-close',
  heldBy: 'server drops in',
  async end(stage, { socket, peerSocket }, host) {
    await stage[host].close(socket);
    await stage[otherHost(host)].send(peerSocket, Buffer.from('late'));
  },
});

export const DATA_AFTER_CLOSE: readonly Scenario[] = [
  dataAfterClose(58, finWait1, { title: 'a client has closed, and the server still sends data' }),
  dataAfterClose(62, finWait2, {
    title: 'a client has closed, and the server still sends data after its ACK',
    peer: 'CLOSED',
    heldBy: 'the connection was reset',
  }),
];
