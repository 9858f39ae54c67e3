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
  const request = (timeouts: number | null) => ({
    timeouts,
    acknowledged: false,
    synsMs: null,
    crowded: false,
  });
  const endAfter = (timeouts: number | null) => {
    const future = futureOf(socket, 'SYN-RECEIVED', scene.known, { request: request(timeouts) });
    return future?.givesUpMs ?? future?.atMostMs ?? null;
  };
  // The fewest timeouts that fit what is left are the latest end. A count of timeouts is exact.
  const gone = endAfter(timer?.countsAnswers ? 0 : null);
  const spread = timer?.countsAnswers && gone !== null ? gone - (endAfter(null) ?? gone) : 0;
  return {
    holds: 'handshake-ack-missing',
    culprit: 'peer or network',
    since: null,
    ends: byTimer({
      ms: gone,
      toleranceMs: gone === null ? 0 : Math.max(2000, gone / 8, spread),
      dependsOn: [NAMES.synackRetries],
      says:
        gone === null
          ? 'The kernel removes the request after its last SYN-ACK; when depends on how many it has sent and on how full the SYN queue is.'
          : spread > 2000
            ? 'At most so long: the count of SYN-ACKs includes those that answered a repeated SYN. Then the kernel removes the request.'
            : 'Then the kernel removes the request.',
    }),
    evidence: [
      timer === null
        ? 'The SYN-ACK has no answer.'
        : `The SYN-ACK has no answer after ${timer.count} retransmissions.`,
    ],
    isPassing: timer !== null && timer.count === 0,
  };
}
