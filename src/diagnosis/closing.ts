import type { SeenSocket } from '../tables/join.ts';
import type { State } from '../tcp/state.ts';
import type { Finding } from './diagnosis.ts';
import { byTimer, futureOf, NAMES, never, planFor, since } from './future.ts';
import type { Scene } from './scene.ts';

const TIME_WAIT_MS = 60_000;

/** More in the send queue than an initial window of ten segments (RFC 6928): the FIN can't have been sent. */
const BEYOND_FIRST_WINDOW = 14_600;

/** FIN-WAIT-1, CLOSING, LAST-ACK: this end has closed, and its FIN is not acknowledged. */
export function judgeFinSent(socket: SeenSocket, state: State, scene: Scene): Finding {
  const { timer, sendQueue, owners } = socket;
  const isHeld = owners !== null && owners.length > 0;
  const orphan = !isHeld;
  if (timer?.kind === 'probe') return behindData(socket, state, scene, orphan);
  const future = futureOf(socket, state, scene.known, { orphan });
  const plan = planFor('data or FIN', scene.known, { orphan });
  const gone = timer === null ? null : (future?.givesUpMs ?? null);
  const data = sendQueue !== null && sendQueue > 1 ? sendQueue - 1 : 0;
  const isBehind = timer === null && data > BEYOND_FIRST_WINDOW;
  const retransmitted = timer?.count ?? 0;
  return {
    holds: isBehind ? 'fin-behind-unsent-data' : 'fin-unanswered',
    culprit: 'peer or network',
    since: sinceFinSent(socket, future?.waitedMs ?? null),
    ends: byTimer({
      ms: isBehind ? null : (gone ?? plan.endMs),
      toleranceMs: gone === null ? (plan.endMs ?? 0) : Math.max(4000, gone / 12),
      dependsOn: orphan ? [NAMES.orphanRetries, 'TCP_USER_TIMEOUT'] : [NAMES.retries2, 'TCP_USER_TIMEOUT'],
      says:
        gone === null
          ? `At most so long, counted from the close: the table does not show when that was${isHeld ? '' : ', if no descriptor is open'}.`
          : 'Then the kernel gives up and removes it, unless an acknowledgment arrives.',
    }),
    evidence: [
      data > 0
        ? `Send-Q ${sendQueue}: ${data} bytes and the FIN are not acknowledged.`
        : 'The FIN is not acknowledged (Send-Q 1 is the FIN itself).',
      ...(timer === null ? [] : [`${retransmitted} retransmissions.`]),
      ...(isHeld ? ['A descriptor is still open: shutdown() without close().'] : []),
    ],
    isPassing: timer !== null && timer.kind === 'retransmission' && retransmitted === 0,
  };
}

/** lastsnd is the first FIN: a retransmitted one carries no data and does not set it. */
function sinceFinSent({ info, sendQueue }: SeenSocket, waitedMs: number | null): Finding['since'] {
  if (info?.lastSentMs != null && sendQueue === 1)
    return since(info.lastSentMs, 100, 'lastsnd: the first FIN (lastack says nothing of it)');
  if (waitedMs === null) return null;
  return since(waitedMs, Math.max(1000, waitedMs / 4), 'the retransmissions and their timer');
}

function behindData(socket: SeenSocket, state: State, scene: Scene, orphan: boolean): Finding {
  const { sendQueue, timer } = socket;
  const future = futureOf(socket, state, scene.known, { orphan });
  const gone = future?.givesUpMs ?? null;
  const common = {
    holds: 'fin-behind-unsent-data',
    culprit: 'peer',
    since: null,
    evidence: [
      `The persist timer runs (netstat: probe) and Send-Q is ${sendQueue ?? 'not shown'}: the peer's window is full, and the FIN is not sent yet.`,
      ...(timer && timer.count > 0 ? [`${timer.count} window probes are not answered.`] : []),
    ],
  } as const;
  if (gone === null)
    return {
      ...common,
      evidence: [...common.evidence],
      ends: never(
        'While the peer replies to the window probes, nothing ends it: it lasts until the peer reads.',
      ),
    };
  return {
    ...common,
    evidence: [...common.evidence],
    ends: byTimer({
      ms: gone,
      toleranceMs: gone / 10,
      dependsOn: [NAMES.orphanRetries, NAMES.rtoMaxMs],
      says: 'It ends sooner when the peer reads. Else the kernel removes it once its probes have reached their longest interval.',
    }),
  };
}

export function judgeFinWait2(socket: SeenSocket, scene: Scene): Finding {
  const { timer, owners, inode, info } = socket;
  const { known } = scene;
  const finTimeoutS = known.sysctls.finTimeoutS;
  const isHeld =
    (owners !== null && owners.length > 0) || (inode !== null && inode > 0) || timer?.kind === 'none';
  const other = scene.otherEnd(socket);
  const [closer] = other?.state === 'CLOSE-WAIT' ? (other.owners ?? []) : [];
  const evidence = [
    'This end has closed, and the peer has acknowledged that and not closed.',
    ...(closer
      ? [`The peer is in this table: ${closer.name ?? 'process'} (pid ${closer.pid}) in CLOSE-WAIT.`]
      : []),
  ];
  const common = { holds: 'peer-did-not-close', culprit: 'peer' } as const;
  if (isHeld && timer?.kind !== 'time-wait') {
    return {
      ...common,
      since:
        info?.lastAckMs == null ? null : since(info.lastAckMs, 100, 'lastack: the acknowledgment of the FIN'),
      ends: never(
        `No timer runs: tcp_fin_timeout applies only after close(), and the program has called only shutdown(). It lasts until the peer closes, or this program does (and then tcp_fin_timeout more).`,
      ),
      evidence: [...evidence, 'A descriptor is open: shutdown() without close().'],
    };
  }
  const future = futureOf(socket, 'FIN-WAIT-2', known, { orphan: true });
  const left = timer?.leftMs ?? null;
  if (left === null || !future)
    return {
      ...common,
      since: null,
      ends: byTimer({
        ms: finTimeoutS * 1000,
        toleranceMs: finTimeoutS * 1000,
        dependsOn: [NAMES.finTimeoutS],
        says: 'At most so long if the program has called close(). If it has called only shutdown() and keeps its descriptor: never.',
      }),
      evidence,
    };
  return {
    ...common,
    since: finWait2Age(left, timer?.kind === 'keepalive', finTimeoutS, known.areDefaults),
    ends: byTimer({
      ms: future.givesUpMs,
      toleranceMs: 1000,
      dependsOn: [NAMES.finTimeoutS, 'TCP_LINGER2'],
      says: 'Then the kernel removes it: no descriptor is left (tcp_fin_timeout).',
    }),
    evidence: [...evidence, 'The program has closed its descriptor, so the kernel counts the time.'],
  };
}

function finWait2Age(leftMs: number, isFirstStage: boolean, finTimeoutS: number, isDefault: boolean) {
  const wholeMs = isFirstStage ? (finTimeoutS - 60) * 1000 : Math.min(finTimeoutS, 60) * 1000;
  if (leftMs > wholeMs + 500 || (finTimeoutS > 60 && !isFirstStage)) return null;
  const condition = isDefault ? `, if tcp_fin_timeout is ${finTimeoutS}` : '';
  return since(wholeMs - leftMs, 500, `tcp_fin_timeout − what is left of the timer${condition}`);
}

export function judgeTimeWait({ timer }: SeenSocket): Finding {
  const left = timer?.kind === 'time-wait' ? timer.leftMs : null;
  return {
    holds: '2msl',
    culprit: 'nobody',
    since:
      left === null ? null : since(Math.max(0, TIME_WAIT_MS - left), 500, '60 s − what is left of the timer'),
    ends: byTimer({
      ms: left ?? TIME_WAIT_MS,
      toleranceMs: left === null ? TIME_WAIT_MS : 1000,
      says:
        left === null
          ? 'At most 60 s each (TCP_TIMEWAIT_LEN); no sysctl changes that. Which is how old is not shown.'
          : 'TIME-WAIT lasts 60 s on Linux (TCP_TIMEWAIT_LEN); no sysctl changes that.',
    }),
    evidence: ['Both ends have closed, and this end closed first. No descriptor and no program is left.'],
  };
}
