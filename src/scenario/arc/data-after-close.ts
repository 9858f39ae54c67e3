import { otherHost } from '../../evidence/events.ts';
import type { ArcScenario } from '../scenario.ts';
import { family } from './family.ts';
import { type BothInside, finWait1, finWait2, orphaned } from './start.ts';

const dataAfterClose = family<BothInside>({
  name: 'data-after-close',
  heldBy: 'server drops in',
  end: (stage, { peerSocket }, host) => stage[otherHost(host)].send(peerSocket, Buffer.from('late')),
  withheld: (host) => ({ host: otherHost(host), call: 'send' }),
});

export const DATA_AFTER_CLOSE: readonly ArcScenario[] = [
  dataAfterClose(58, orphaned(finWait1), { title: 'a client has closed, and the server still sends data' }),
  dataAfterClose(62, orphaned(finWait2), {
    title: 'a client has closed, and the server still sends data after its ACK',
    peer: 'CLOSED',
    heldBy: 'the connection was reset',
  }),
];
