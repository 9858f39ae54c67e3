import type { SeenSocket } from '../tables/join.ts';
import type { TableRow } from '../tables/row.ts';
import { judgeFinSent, judgeFinWait2, judgeTimeWait } from './closing.ts';
import type { Finding } from './diagnosis.ts';
import { byProgram, byTimer } from './future.ts';
import { judgeCloseWait, judgeEstablished } from './open.ts';
import { judgeListen, judgeSynReceived, judgeSynSent } from './opening.ts';
import type { Scene } from './scene.ts';

/** What the row of one socket shows, beside the others. */
export function judge(socket: SeenSocket, scene: Scene): Finding {
  const { state } = socket;
  switch (state) {
    case 'LISTEN':
      return judgeListen(socket);
    case 'SYN-SENT':
      return judgeSynSent(socket, scene);
    case 'SYN-RECEIVED':
      return judgeSynReceived(socket, scene);
    case 'ESTABLISHED':
      return judgeEstablished(socket, scene);
    case 'CLOSE-WAIT':
      return judgeCloseWait(socket, scene);
    case 'FIN-WAIT-2':
      return judgeFinWait2(socket, scene);
    case 'TIME-WAIT':
      return judgeTimeWait(socket);
    case 'FIN-WAIT-1':
    case 'CLOSING':
    case 'LAST-ACK':
      return judgeFinSent(socket, state, scene);
    default:
      return {
        holds: 'closed',
        culprit: 'nobody',
        since: null,
        ends: byProgram(
          'There is no connection: it is bound, or its connection has ended, and the program holds it.',
        ),
        evidence: [],
      };
  }
}

const ENTRY_HOLDS: Readonly<Record<string, Pick<Finding, 'holds' | 'culprit'>>> = {
  SYN_SENT: { holds: 'synack-missing', culprit: 'peer or network' },
  SYN_SENT2: { holds: 'synack-missing', culprit: 'peer or network' },
  SYN_RECV: { holds: 'handshake-ack-missing', culprit: 'peer or network' },
  ESTABLISHED: { holds: 'open', culprit: 'nobody' },
  FIN_WAIT: { holds: 'fin-unanswered', culprit: null },
  CLOSE_WAIT: { holds: 'one-end-did-not-close', culprit: null },
  LAST_ACK: { holds: 'fin-unanswered', culprit: null },
  TIME_WAIT: { holds: '2msl', culprit: 'nobody' },
  CLOSE: { holds: 'closed', culprit: 'nobody' },
};

/** An entry of conntrack is what a box has seen of a connection, and no socket. */
export function judgeEntry({ conntrack, forgottenInS }: TableRow): Finding {
  const { holds, culprit } = ENTRY_HOLDS[conntrack ?? ''] ?? { holds: 'open', culprit: null };
  return {
    holds,
    culprit,
    since: null,
    ends: byTimer({
      ms: forgottenInS === null ? null : forgottenInS * 1000,
      toleranceMs: 1000,
      dependsOn: [`nf_conntrack_tcp_timeout_${(conntrack ?? '').toLowerCase()}`],
      says: 'Then conntrack forgets the entry, unless a packet passes. The sockets of both ends live on or are gone without it.',
    }),
    evidence: [
      conntrack === 'CLOSE_WAIT'
        ? 'conntrack has seen one FIN and its acknowledgment. It does not say which end has closed.'
        : `conntrack has the pair in ${conntrack}.`,
    ],
  };
}
