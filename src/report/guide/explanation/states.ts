import type { State } from '../../../tcp/state.ts';
import { closeWait } from './close-wait.ts';
import { closed } from './closed.ts';
import { closing } from './closing.ts';
import { established } from './established.ts';
import type { StateExplanation } from './explanation.ts';
import { finWait1 } from './fin-wait-1.ts';
import { finWait2 } from './fin-wait-2.ts';
import { lastAck } from './last-ack.ts';
import { listen } from './listen.ts';
import { synReceived } from './syn-received.ts';
import { synSent } from './syn-sent.ts';
import { timeWait } from './time-wait.ts';

export const STATE_EXPLANATIONS: Readonly<Record<State, StateExplanation>> = {
  CLOSED: closed,
  LISTEN: listen,
  'SYN-SENT': synSent,
  'SYN-RECEIVED': synReceived,
  ESTABLISHED: established,
  'FIN-WAIT-1': finWait1,
  'FIN-WAIT-2': finWait2,
  'CLOSE-WAIT': closeWait,
  CLOSING: closing,
  'LAST-ACK': lastAck,
  'TIME-WAIT': timeWait,
};
