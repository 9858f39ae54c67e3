import type { SeenSocket } from '../tables/join.ts';
import type { Finding } from './diagnosis.ts';
import { byProgram, byTimer, futureOf, NAMES, never, since } from './future.ts';
import { keepaliveEnd } from './keepalive.ts';
import type { Scene } from './scene.ts';

/** What arrived so recently that the program may be about to read it. */
const JUST_NOW_MS = 1000;

/** ESTABLISHED, and CLOSE-WAIT where the same things can hold it. */
export function judgeEstablished(socket: SeenSocket, scene: Scene): Finding {
  const { receiveQueue, sendQueue, timer } = socket;
  const unacceptedBy = scene.isOwnerless(socket) === true ? scene.listenerAt(socket.local) : undefined;
  if (unacceptedBy) return notAccepted(socket);
  const sending = judgeSending(socket, scene);
  if (sending) return sending;
  if (timer?.kind === 'keepalive' && timer.count > 0) return keepaliveUnanswered(socket, scene);
  if (receiveQueue !== null && receiveQueue > 0) return notReading(socket, receiveQueue);
  const evidence = [];
  if (timer?.kind === 'keepalive')
    evidence.push(
      'The keepalive timer has not sent a probe yet: that does not prove that the peer is alive.',
    );
  if (sendQueue) {
    const flight =
      timer === null
        ? 'the table shows no timer, so they may be in flight or unanswered'
        : 'no retransmission yet';
    evidence.push(`Send-Q: ${sendQueue} bytes are not acknowledged; ${flight}.`);
  }
  return {
    holds: 'open',
    culprit: 'nobody',
    since: null,
    ends: byProgram('It is open: it ends when the program or its peer closes it.'),
    evidence: evidence.length > 0 ? evidence : ['Nothing is unread, unacknowledged or retransmitted.'],
  };
}

export function judgeCloseWait(socket: SeenSocket, scene: Scene): Finding {
  const unacceptedBy = scene.isOwnerless(socket) === true ? scene.listenerAt(socket.local) : undefined;
  if (unacceptedBy)
    return {
      ...notAccepted(socket),
      ends: never('No timer runs: it lasts until the program accepts and closes it.'),
      since: sinceFin(socket),
    };
  const sending = judgeSending(socket, scene);
  if (sending) return sending;
  const { receiveQueue, sendQueue } = socket;
  const evidence = [];
  if (receiveQueue === 0)
    evidence.push('Recv-Q 0: the program has read the end of file, and has not closed.');
  if (receiveQueue === 1)
    evidence.push('Recv-Q 1 is the FIN itself: the program has not called read() since it arrived.');
  if (receiveQueue !== null && receiveQueue > 1)
    evidence.push(`Recv-Q ${receiveQueue}: ${receiveQueue - 1} bytes and the FIN are not read.`);
  if (receiveQueue === null) evidence.push('The peer has closed; a descriptor is open.');
  if (sendQueue) evidence.push(`Send-Q ${sendQueue}: it may still be sending.`);
  const age = sinceFin(socket);
  return {
    holds: 'program-did-not-close',
    culprit: 'this program',
    since: age,
    ends: never('No timer runs and no sysctl adds one: it lasts until the program closes the descriptor.'),
    evidence,
    isPassing: age !== null && age.seconds * 1000 < JUST_NOW_MS,
  };
}

/** Nothing has been acknowledged since the FIN arrived, if nothing was sent. */
function sinceFin({ info }: SeenSocket): Finding['since'] {
  if (info?.lastAckMs == null) return null;
  return since(
    info.lastAckMs,
    100,
    'lastack: nothing has arrived since the FIN (longer, if it sent data after the FIN)',
  );
}

function notAccepted({ state }: SeenSocket): Finding {
  return {
    holds: 'not-accepted',
    culprit: 'this program',
    since: null,
    ends: byProgram('It waits in the accept queue until the program calls accept().'),
    evidence: [
      `${state} without a descriptor, at the address of a listener: the program has not called accept() for it.`,
    ],
  };
}

/** Data that the peer does not acknowledge, or has no space for. */
function judgeSending(socket: SeenSocket, scene: Scene): Finding | undefined {
  const { timer, sendQueue, state, info } = socket;
  if (timer?.kind === 'probe') {
    const answered = timer.count === 0;
    return {
      holds: 'peer-not-reading',
      culprit: 'peer',
      since: null,
      ends: never(
        'While the peer replies to the window probes, nothing ends it: it lasts until the peer reads.',
      ),
      evidence: [
        `The persist timer runs and Send-Q is ${sendQueue ?? 'not shown'}: the peer's receive window is full` +
          (answered
            ? ', and it replies to the window probes.'
            : `; ${timer.count} window probes are not answered.`),
        ...readerHere(socket, scene),
      ],
    };
  }
  const isRetransmitting = timer?.kind === 'retransmission' && timer.count > 0;
  if (!isRetransmitting) {
    const other = sendQueue && timer === null ? scene.otherEnd(socket) : undefined;
    if (!other?.receiveQueue) return undefined;
    return {
      holds: 'peer-not-reading',
      culprit: 'peer',
      since: null,
      ends: never('It lasts until the peer reads.'),
      evidence: [
        `Send-Q ${sendQueue}, and the other end is in this table: its Recv-Q is ${other.receiveQueue}.`,
      ],
    };
  }
  const future = futureOf(socket, state ?? 'ESTABLISHED', scene.known, { orphan: false });
  const gone = future?.givesUpMs ?? null;
  return {
    holds: 'data-unanswered',
    culprit: 'peer or network',
    since:
      future?.waitedMs == null
        ? null
        : since(
            future.waitedMs,
            info?.rtoMs == null ? Math.max(1000, future.waitedMs / 4) : 500,
            'the retransmissions and their timer',
          ),
    ends: byTimer({
      ms: gone,
      toleranceMs: gone === null ? 0 : info?.rtoMs == null ? 60_000 : gone / 20,
      dependsOn: [NAMES.retries2, 'TCP_USER_TIMEOUT'],
      says: 'The kernel gives up and the program gets ETIMEDOUT, unless an acknowledgment arrives.',
    }),
    evidence: [
      `${sendQueue ?? 'Some'} bytes are not acknowledged after ${timer.count} retransmissions.`,
      ...(state === 'CLOSE-WAIT' ? ['The peer has closed its side; the program still sends.'] : []),
    ],
    // One segment is lost now and then on any network.
    isPassing: timer.count === 1,
  };
}

/** Whose turn it is, where the peer is a program of this table. */
function readerHere(socket: SeenSocket, scene: Scene): string[] {
  const [reader] = scene.otherEnd(socket)?.owners ?? [];
  return reader ? [`The peer is in this table too: ${reader.name ?? 'process'} (pid ${reader.pid}).`] : [];
}

function keepaliveUnanswered(socket: SeenSocket, scene: Scene): Finding {
  const { timer } = socket;
  return {
    holds: 'keepalive-unanswered',
    culprit: 'peer or network',
    since: null,
    ends: keepaliveEnd(timer?.leftMs ?? 0, timer?.count ?? 0, scene.known),
    evidence: [`${timer?.count} keepalive probes are not answered.`],
  };
}

function notReading({ info }: SeenSocket, receiveQueue: number): Finding {
  const received = info?.lastReceivedMs ?? null;
  const isFresh = received !== null && received < JUST_NOW_MS;
  const age = received === null ? '' : `, the last of them ${Math.round(received / 100) / 10} s ago`;
  return {
    holds: isFresh ? 'open' : 'not-reading',
    culprit: isFresh ? 'nobody' : 'this program',
    since: null,
    ends: byProgram('It ends when the program reads and closes.'),
    evidence: [`Recv-Q ${receiveQueue}: so many bytes have arrived and are not read${age}.`],
  };
}
