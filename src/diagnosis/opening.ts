import type { SeenSocket } from '../tables/join.ts';
import type { Finding } from './diagnosis.ts';
import { byProgram, byTimer, futureOf, NAMES, planFor, since } from './future.ts';
import type { Scene } from './scene.ts';

export function judgeListen({ receiveQueue, sendQueue }: SeenSocket): Finding {
  const listening: Finding = {
    holds: 'listening',
    culprit: 'nobody',
    since: null,
    ends: byProgram('It listens until the program closes it.'),
    evidence: [],
  };
  if (!receiveQueue) return listening;
  // Linux admits one connection more than the backlog (sk_acceptq_is_full).
  if (sendQueue !== null && receiveQueue > sendQueue)
    return {
      ...listening,
      holds: 'accept-queue-full',
      culprit: 'this program',
      ends: byProgram('The queue is full until the program calls accept(); until then Linux drops new SYNs.'),
      evidence: [
        `Recv-Q ${receiveQueue} connections wait in the accept queue, and the backlog (Send-Q) is ${sendQueue}.`,
      ],
    };
  const room =
    sendQueue === null
      ? 'the table does not show the backlog, so whether the queue is full'
      : `the backlog is ${sendQueue}`;
  return {
    ...listening,
    evidence: [
      `Recv-Q: ${receiveQueue} connections wait in the accept queue; ${room}${sendQueue === null ? " can't be known." : '.'}`,
    ],
  };
}

export function judgeSynSent(socket: SeenSocket, scene: Scene): Finding {
  const { timer } = socket;
  const { known } = scene;
  const plan = planFor('SYN', known);
  const future = futureOf(socket, 'SYN-SENT', known, {});
  const gone = future?.givesUpMs ?? null;
  const listener = scene.listenerAt(socket.peer);
  const isFull = listener !== undefined && judgeListen(listener).holds === 'accept-queue-full';
  return {
    holds: 'synack-missing',
    culprit: isFull ? 'this program' : 'network',
    since:
      future?.waitedMs == null
        ? null
        : since(future.waitedMs, 1000, 'the retransmissions of the SYN and their timer'),
    ends: byTimer({
      ms: gone ?? plan.endMs,
      toleranceMs: gone === null ? (plan.endMs ?? 0) : 4000,
      dependsOn: [NAMES.synRetries, NAMES.synLinearTimeouts, 'TCP_SYNCNT'],
      says: `${gone === null ? 'At most so long: the table shows no timer. ' : ''}Then connect() fails with ETIMEDOUT, unless a SYN-ACK arrives. The program's own timeout may come first.`,
    }),
    evidence: [
      timer === null
        ? 'The SYN has no answer.'
        : `The SYN has no answer after ${timer.count} retransmissions.`,
      ...(isFull ? ['The listener it connects to is in this table, and its accept queue is full.'] : []),
    ],
    isPassing: timer !== null && timer.count === 0,
  };
}

export function judgeSynReceived(socket: SeenSocket, scene: Scene): Finding {
  const { timer } = socket;
  const future = futureOf(socket, 'SYN-RECEIVED', scene.known, {});
  const gone = future?.givesUpMs ?? future?.atMostMs ?? null;
  return {
    holds: 'handshake-ack-missing',
    culprit: 'peer or network',
    since: null,
    ends: byTimer({
      ms: gone,
      toleranceMs: gone === null ? 0 : Math.max(2000, gone / 8),
      dependsOn: [NAMES.synackRetries],
      says:
        gone === null
          ? 'The kernel removes the request after its last SYN-ACK; when depends on how many it has sent and on how full the SYN queue is.'
          : 'Then the kernel removes the request. A SYN of the client that arrives again makes it last longer.',
    }),
    evidence: [
      timer === null
        ? 'The SYN-ACK has no answer.'
        : `The SYN-ACK has no answer after ${timer.count} retransmissions.`,
    ],
    isPassing: timer !== null && timer.count === 0,
  };
}
