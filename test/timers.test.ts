import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Connection, endOf } from '../src/evidence/connection.ts';
import type { HostName } from '../src/evidence/events.ts';
import { outlookOf } from '../src/evidence/outlook.ts';
import { rowOf } from '../src/evidence/witness/socket-table.ts';
import type { SocketNumber } from '../src/lab/host.ts';
import { Lab } from '../src/lab/lab.ts';
import { readTcpSysctls } from '../src/lab/tcp-sysctls.ts';
import { CATALOGUE } from '../src/scenario/catalogue.ts';
import { stageOf } from '../src/scenario/reach.ts';
import type { Forecast } from '../src/tcp/forecast.ts';
import type { Segment } from '../src/tcp/segment.ts';
import type { State } from '../src/tcp/state.ts';
import { SYSCTL_NAMES, type TcpSysctls } from '../src/tcp/sysctls.ts';
import { type Peculiarities, type Schedule, schedule, type Waiting } from '../src/tcp/timers.ts';
import { REPOSITORY } from './cli.ts';

/**
 * Forecasts against what this kernel does: every case is a lab of its own with sysctls that keep waits short, all run
 * side by side, and each `it` compares one of them.
 */
interface Case {
  title: string;
  /** In both hosts, before any socket is made. */
  sysctls?: Partial<Record<keyof TcpSysctls, number>>;
  waiting: Waiting;
  /** What the whole schedule goes by. Forecasts find out for themselves. */
  options?: Peculiarities;
  /** What there is no forecast for at first: the peer may reply, or a SYN may renew the request. */
  depends?: true;
  /** The peer replies, so that there is no end. */
  endless?: true;
  /** The state that it is in after the end, and has a row in. */
  then?: State;
  bring(lab: Lab): Promise<Brought>;
  /** Which of the held end's segments are those that the schedule tells of. None: only forecasts are compared. */
  counts?(segment: Segment): boolean;
  /** For how long to look at what does not end. */
  lookMs?: number;
}

interface Brought {
  connection: Connection;
  host: HostName;
}

interface Sample {
  atMs: number;
  forecast: Forecast;
}

interface Observation {
  /** Times of the first transmission, from which the schedule counts, and of the retransmissions. */
  sentMs: number[];
  /** When the end had no row any more; null when it still had one. */
  endMs: number | null;
  /** When it had one last. */
  rowMs: number;
  /** How often a forecast named its end. */
  definite: number;
  samples: Sample[];
  planned: Schedule;
}

const REQUESTS = { counts: (segment: Segment) => isSynAck(segment), depends: true } as const;

const isSyn = ({ flags }: Segment) => flags === 'S';
const isSynAck = ({ flags }: Segment) => flags === 'S.';
const isFin = ({ flags }: Segment) => flags.includes('F');
const isData = ({ length }: Segment) => length > 0;

const CASES: Case[] = [
  {
    title: 'SYN: as many as tcp_syn_retries',
    sysctls: { synRetries: 1, synLinearTimeouts: 0 },
    waiting: 'SYN',
    bring: (lab) => connectInVain(lab),
    counts: isSyn,
  },
  {
    title: 'SYN: linear timeouts come on top, until the time that the retries alone would take is over',
    sysctls: { synRetries: 1, synLinearTimeouts: 4 },
    waiting: 'SYN',
    bring: (lab) => connectInVain(lab),
    counts: isSyn,
  },
  {
    title: 'SYN: linear timeouts, then doubling',
    sysctls: { synRetries: 2, synLinearTimeouts: 1 },
    waiting: 'SYN',
    bring: (lab) => connectInVain(lab),
    counts: isSyn,
  },
  {
    title: 'SYN: tcp_rto_max_ms stops the doubling',
    sysctls: { synRetries: 3, synLinearTimeouts: 0, rtoMaxMs: 1000 },
    waiting: 'SYN',
    bring: (lab) => connectInVain(lab),
    counts: isSyn,
  },
  {
    title: 'SYN: TCP_SYNCNT in place of tcp_syn_retries',
    sysctls: { synLinearTimeouts: 1 },
    waiting: 'SYN',
    options: { synCount: 1 },
    bring: (lab) => connectInVain(lab, (socket) => lab.client.setOption(socket, 'TCP_SYNCNT', 1)),
    counts: isSyn,
  },
  {
    title: 'SYN: TCP_USER_TIMEOUT shortens the last wait',
    waiting: 'SYN',
    options: { userTimeoutMs: 2500 },
    bring: (lab) => connectInVain(lab, (socket) => lab.client.setOption(socket, 'TCP_USER_TIMEOUT', 2500)),
    counts: isSyn,
  },
  {
    title: 'SYN: a TCP_USER_TIMEOUT of less than a second still waits for the first timeout',
    waiting: 'SYN',
    options: { userTimeoutMs: 500 },
    bring: (lab) => connectInVain(lab, (socket) => lab.client.setOption(socket, 'TCP_USER_TIMEOUT', 500)),
    counts: isSyn,
  },
  {
    title: 'SYN-ACK: as many as tcp_synack_retries, for a client that says nothing more',
    sysctls: { synackRetries: 1 },
    waiting: 'SYN-ACK',
    bring: knock,
    counts: isSynAck,
  },
  {
    title: 'SYN-ACK: none with tcp_synack_retries = 0',
    sysctls: { synackRetries: 0 },
    waiting: 'SYN-ACK',
    bring: knock,
    counts: isSynAck,
  },
  {
    title: 'SYN-ACK: request sockets do not heed tcp_rto_max_ms',
    sysctls: { synackRetries: 2, rtoMaxMs: 1000 },
    waiting: 'SYN-ACK',
    bring: knock,
    counts: isSynAck,
  },
  {
    title: 'SYN-ACK: each SYN that the client retransmits restarts the timer',
    sysctls: { synackRetries: 1 },
    waiting: 'SYN-ACK',
    bring: (lab) => scenario(lab, 'syn-received'),
    ...REQUESTS,
  },
  {
    title: 'SYN-ACK: one for each SYN with tcp_synack_retries = 0',
    sysctls: { synackRetries: 0 },
    waiting: 'SYN-ACK',
    bring: (lab) => scenario(lab, 'syn-received'),
    ...REQUESTS,
  },
  {
    title: 'SYN-ACK that its host drops: each SYN makes a new request',
    waiting: 'SYN-ACK',
    bring: (lab) => scenario(lab, 'syn-received-dropped-at-server'),
    ...REQUESTS,
    counts: () => false,
  },
  {
    title: 'SYN-ACK: those that answered a SYN are not counted against tcp_synack_retries',
    sysctls: { synackRetries: 2 },
    waiting: 'SYN-ACK',
    bring: (lab) => scenario(lab, 'syn-received-accept-queue-full'),
    ...REQUESTS,
  },
  {
    title: 'SYN-ACK: none before TCP_DEFER_ACCEPT is over, and its ACK establishes the connection',
    waiting: 'SYN-ACK',
    bring: defer,
    ...REQUESTS,
    // biome-ignore lint/suspicious/noThenProperty: not a promise
    then: 'ESTABLISHED',
  },
  {
    title: 'SYN-ACK of a simultaneous open: by tcp_syn_retries, and always doubling',
    sysctls: { synRetries: 1, synLinearTimeouts: 2 },
    waiting: 'SYN-ACK of a simultaneous open',
    bring: openSimultaneously,
  },
  {
    title: 'data: by the time that tcp_retries2 stands for, so more often than it says',
    sysctls: { retries2: 2 },
    waiting: 'data or FIN',
    bring: (lab) => sendInVain(lab),
    counts: isData,
  },
  {
    title: 'data: no loss probe without SACK',
    sysctls: { retries2: 2, sack: 0 },
    waiting: 'data or FIN',
    bring: (lab) => sendInVain(lab),
    counts: isData,
  },
  {
    title: 'data: no loss probe with tcp_early_retrans = 0',
    sysctls: { retries2: 1, earlyRetrans: 0 },
    waiting: 'data or FIN',
    bring: (lab) => sendInVain(lab),
    counts: isData,
  },
  {
    title: 'data: tcp_rto_max_ms shortens both the waits and the end',
    sysctls: { retries2: 3, rtoMaxMs: 1000 },
    waiting: 'data or FIN',
    bring: (lab) => sendInVain(lab),
    counts: isData,
  },
  {
    title: 'data: TCP_USER_TIMEOUT counts from the first retransmission',
    waiting: 'data or FIN',
    options: { userTimeoutMs: 500 },
    bring: (lab) => sendInVain(lab, (socket) => lab.client.setOption(socket, 'TCP_USER_TIMEOUT', 500)),
    counts: isData,
  },
  {
    title: 'FIN with its descriptor open: by tcp_retries2',
    sysctls: { retries2: 1, orphanRetries: 3 },
    waiting: 'data or FIN',
    bring: (lab) => finishInVain(lab, (socket) => lab.client.shutdown(socket)),
    counts: isFin,
  },
  {
    title: 'FIN of an orphan: by tcp_orphan_retries',
    sysctls: { retries2: 4, orphanRetries: 1 },
    waiting: 'data or FIN',
    options: { orphan: true },
    bring: (lab) => finishInVain(lab, (socket) => lab.client.close(socket)),
    counts: isFin,
  },
  {
    title: 'FIN of an orphan: 0 retries means 8, but none once the timeout is at its maximum',
    sysctls: { orphanRetries: 0, rtoMaxMs: 1000 },
    waiting: 'data or FIN',
    options: { orphan: true },
    bring: (lab) => finishInVain(lab, (socket) => lab.client.close(socket)),
    counts: isFin,
  },
  {
    title: 'LAST-ACK of an orphan: by tcp_orphan_retries',
    sysctls: { orphanRetries: 1 },
    waiting: 'data or FIN',
    options: { orphan: true },
    bring: closeLast,
    counts: isFin,
  },
  {
    title: 'CLOSING of an orphan: by tcp_orphan_retries, whatever the peer sends again meanwhile',
    sysctls: { retries2: 4, orphanRetries: 1 },
    waiting: 'data or FIN',
    options: { orphan: true },
    bring: (lab) => closeAtOnce(lab, (socket) => lab.client.close(socket)),
    counts: isFin,
  },
  {
    title: 'CLOSING with its descriptor open: by tcp_retries2',
    sysctls: { retries2: 1, orphanRetries: 3 },
    waiting: 'data or FIN',
    bring: (lab) => closeAtOnce(lab, (socket) => lab.client.shutdown(socket)),
    counts: isFin,
  },
  {
    title: 'FIN-WAIT-2 of an orphan: tcp_fin_timeout',
    sysctls: { finTimeoutS: 1 },
    waiting: 'FIN-WAIT-2',
    bring: (lab) => waitForFin(lab, (socket) => lab.client.close(socket)),
    counts: isFin,
  },
  {
    title: 'FIN-WAIT-2 of an orphan: never less than 3.5 retransmission timeouts',
    sysctls: { finTimeoutS: 0 },
    waiting: 'FIN-WAIT-2',
    bring: (lab) => waitForFin(lab, (socket) => lab.client.close(socket)),
    counts: isFin,
  },
  {
    title: 'FIN-WAIT-2 of an orphan: tcp_fin_timeout = 61 is 2 s, since what exceeds 60 s is waited twice',
    sysctls: { finTimeoutS: 61 },
    waiting: 'FIN-WAIT-2',
    bring: (lab) => waitForFin(lab, (socket) => lab.client.close(socket)),
    counts: isFin,
  },
  {
    title: 'FIN-WAIT-2 of an orphan: TCP_LINGER2 in place of tcp_fin_timeout',
    waiting: 'FIN-WAIT-2',
    options: { linger2S: 1 },
    bring: (lab) =>
      waitForFin(lab, async (socket) => {
        await lab.client.setOption(socket, 'TCP_LINGER2', 1);
        await lab.client.close(socket);
      }),
    counts: isFin,
  },
  {
    title: 'FIN-WAIT-2 with its descriptor open: no timer',
    sysctls: { finTimeoutS: 1 },
    waiting: 'FIN-WAIT-2',
    options: { orphan: false },
    bring: (lab) => waitForFin(lab, (socket) => lab.client.shutdown(socket)),
    lookMs: 2000,
  },
  {
    title: 'TIME-WAIT: 60 s whatever tcp_fin_timeout says',
    sysctls: { finTimeoutS: 1 },
    waiting: 'TIME-WAIT',
    bring: closeFirst,
    lookMs: 2000,
  },
  {
    title: 'keepalive: so many probes, and one interval more',
    waiting: 'keepalive probe',
    options: { keepalive: { timeS: 1, intervalS: 1, probes: 2 } },
    bring: (lab) => goQuiet(lab, 1, 2),
    depends: true,
  },
  {
    title: 'keepalive: no end while the peer replies',
    waiting: 'keepalive probe',
    bring: (lab) => keepAlive(lab, 1, 2),
    endless: true,
    lookMs: 4000,
  },
  {
    title: 'keepalive: TCP_USER_TIMEOUT in place of the number of probes',
    waiting: 'keepalive probe',
    options: { keepalive: { timeS: 1, intervalS: 2, probes: 3 }, userTimeoutMs: 2500 },
    bring: (lab) => goQuiet(lab, 2, 3, 2500),
    depends: true,
  },
  {
    title: 'zero window: probed without end while the peer answers',
    sysctls: { retries2: 2 },
    waiting: 'zero-window probe',
    bring: (lab) => fillWindow(lab),
    lookMs: 3000,
  },
  {
    title: 'zero window: given up when the peer stops to answer',
    sysctls: { retries2: 4, rtoMaxMs: 1000 },
    waiting: 'zero-window probe',
    bring: (lab) => fillWindow(lab, () => silence(lab)),
    depends: true,
  },
  {
    title: 'zero window: TCP_USER_TIMEOUT ends it, answered or not',
    waiting: 'zero-window probe',
    options: { userTimeoutMs: 1000 },
    bring: (lab) => fillWindow(lab, (socket) => lab.client.setOption(socket, 'TCP_USER_TIMEOUT', 1000)),
  },
  {
    title: 'zero window of an orphan: over once the probes are tcp_rto_max_ms apart',
    sysctls: { orphanRetries: 0, rtoMaxMs: 1000 },
    waiting: 'zero-window probe',
    bring: (lab) => fillWindow(lab, (socket) => lab.client.close(socket)),
  },
  {
    title: 'program: TCP_SYNCNT = 1',
    waiting: 'SYN',
    bring: (lab) => program(lab, 'wait', { TCP_SYNCNT: 1 }, 'silent'),
  },
  {
    title: 'program: TCP_USER_TIMEOUT = 2500, in SYN-SENT',
    waiting: 'SYN',
    bring: (lab) => program(lab, 'wait', { TCP_USER_TIMEOUT: 2500 }, 'silent'),
  },
  {
    title: 'program: TCP_USER_TIMEOUT = 1500, with data under way',
    waiting: 'data or FIN',
    bring: (lab) => program(lab, 'send', { TCP_USER_TIMEOUT: 1500 }, 'silent once connected'),
    counts: isData,
    options: { userTimeoutMs: 1500 },
  },
  {
    title: 'program: TCP_RTO_MAX_MS = 1000, with data under way',
    sysctls: { retries2: 4 },
    waiting: 'data or FIN',
    bring: (lab) => program(lab, 'send', { TCP_RTO_MAX_MS: 1000 }, 'silent once connected'),
    counts: isData,
    options: { rtoMaxMs: 1000 },
  },
  {
    title: 'program: TCP_RTO_MAX_MS = 1000, and a close() that nobody hears',
    sysctls: { orphanRetries: 3 },
    waiting: 'data or FIN',
    bring: (lab) => program(lab, 'close', { TCP_RTO_MAX_MS: 1000 }, 'silent once connected'),
    counts: isFin,
    options: { rtoMaxMs: 1000, orphan: true },
  },
  {
    title: 'program: keepalive, the peer falls silent',
    waiting: 'keepalive probe',
    bring: (lab) => program(lab, 'wait', KEEPALIVE, 'silent once connected'),
    depends: true,
  },
  {
    title: 'program: keepalive, the peer replies',
    waiting: 'keepalive probe',
    bring: (lab) => program(lab, 'wait', KEEPALIVE, 'replies'),
    endless: true,
    lookMs: 4000,
  },
  {
    title: 'program: keepalive in FIN-WAIT-2, the peer replies',
    waiting: 'keepalive probe',
    bring: (lab) => program(lab, 'shutdown', KEEPALIVE, 'replies'),
    endless: true,
    lookMs: 4000,
  },
  {
    title: 'program: keepalive and TCP_USER_TIMEOUT = 2500, the peer falls silent',
    waiting: 'keepalive probe',
    bring: (lab) => program(lab, 'wait', { ...KEEPALIVE, TCP_USER_TIMEOUT: 2500 }, 'silent once connected'),
    depends: true,
  },
  {
    title: 'program: TCP_LINGER2 = 2',
    waiting: 'FIN-WAIT-2',
    bring: (lab) => program(lab, 'close', { TCP_LINGER2: 2 }, 'replies'),
  },
  {
    title: 'program: zero window',
    waiting: 'zero-window probe',
    bring: (lab) => program(lab, 'upload', {}, 'replies'),
    endless: true,
    lookMs: 4000,
  },
  {
    title: 'program: zero window, TCP_USER_TIMEOUT = 1500',
    waiting: 'zero-window probe',
    bring: (lab) => program(lab, 'upload', { TCP_USER_TIMEOUT: 1500 }, 'replies'),
  },
];

const KEEPALIVE = { SO_KEEPALIVE: 1, TCP_KEEPIDLE: 1, TCP_KEEPINTVL: 1, TCP_KEEPCNT: 2 };
const HAS_RTO_MAX = existsSync('/proc/sys/net/ipv4/tcp_rto_max_ms');

describe('forecasts and this kernel', () => {
  const observations: PromiseSettledResult<Observation>[] = [];

  beforeAll(async () => {
    // Not all at once: the machine should be on time.
    for (let first = 0; first < CASES.length; first += AT_ONCE) {
      const some = CASES.slice(first, first + AT_ONCE);
      observations.push(...(await onTime(() => Promise.allSettled(some.map((one) => observe(one))))));
    }
    if (process.env['TCPLAB_TABLE']) process.stdout.write(tableOf(observations));
  }, 240_000);

  afterAll(() => rmSync(FOLDER, { recursive: true }));

  for (const [index, { title, counts, waiting, depends }] of CASES.entries()) {
    it.skipIf(title.includes('TCP_RTO_MAX_MS') && !HAS_RTO_MAX)(title, () => {
      const observation = observations[index];
      if (observation?.status !== 'fulfilled') throw observation?.reason;
      const seen = observation.value;
      const zeroMs = seen.sentMs[0];
      if (counts && !depends && zeroMs !== undefined) {
        const again = seen.sentMs.slice(1).map((atMs) => atMs - zeroMs);
        expect(again, 'number of retransmissions').toHaveLength(seen.planned.offsetsMs.length);
        for (const [index, plannedMs] of seen.planned.offsetsMs.entries()) {
          expectNear(again[index] as number, plannedMs, `retransmission ${index + 1}`);
        }
        const plannedMs = seen.planned.endMs ?? Number.NaN;
        expectNear(endNear(seen, zeroMs + plannedMs) - zeroMs, plannedMs, 'the end');
      }
      expect(seen.samples, 'samples').not.toHaveLength(0);
      for (const sample of seen.samples) compare(sample, seen, waiting, depends);
      if (depends && seen.endMs !== null) expect(seen.definite, 'forecasts of the end').toBeGreaterThan(0);
    });
  }
});

/** Holds one forecast against all that was seen after it. */
function compare(
  { atMs, forecast: told }: Sample,
  seen: Observation,
  waiting: Waiting,
  depends = false,
): void {
  if (told.timer !== null) expect(told.timer).toBe(waiting);
  const later = seen.sentMs.filter((sentMs) => sentMs > atMs);
  if (seen.endMs === null) {
    const [firstMs, endMs] = [seen.samples[0]?.atMs ?? atMs, seen.planned.endMs];
    if (endMs === null) expect(told.givesUpMs, `the end at ${atMs}`).toBeNull();
    else expectNear((told.givesUpMs ?? Number.NaN) + atMs - firstMs, endMs, `the end, foretold at ${atMs}`);
    return;
  }
  // What happens at the moment of the sample may or may not be in it.
  const close = [...seen.sentMs, seen.endMs].some((eventMs) => Math.abs(eventMs - atMs) < AT_ONCE_MS);
  if (close) return;
  const leftMs = endNear(seen, atMs + (told.givesUpMs ?? Number.POSITIVE_INFINITY)) - atMs;
  if (told.atMostMs !== null) {
    expect(leftMs, `the latest end, foretold at ${atMs}`).toBeLessThan(told.atMostMs * 1.1 + 250);
  } else if (told.givesUpMs !== null || !depends) {
    expectNear(told.givesUpMs ?? Number.NaN, leftMs, `the end, foretold at ${atMs}`);
  }
  if (seen.sentMs.length === 0) return;
  if (told.remaining !== null || !depends)
    expect(told.remaining, `retransmissions still to come at ${atMs}`).toBe(later.length);
  // Where a wait has two stages, nothing is seen of the first one's end.
  if (waiting === 'FIN-WAIT-2') return;
  expectNear(
    told.nextMs ?? Number.NaN,
    (later[0] ?? endNear(seen, atMs + (told.nextMs ?? 0))) - atMs,
    `the next, foretold at ${atMs}`,
  );
}

/** When it ended: between the last look that found its row and the first that did not, where the forecast has it if it can. */
function endNear({ rowMs, endMs }: Observation, foretoldMs: number): number {
  return Math.min(Math.max(foretoldMs, rowMs), endMs ?? Number.NaN);
}

/** What `npm run bench:forecasts` prints: of each case what was foretold, what happened, and the worst deviation. */
function tableOf(observations: PromiseSettledResult<Observation>[]): string {
  const line = (title: string, ...columns: string[]) =>
    `${title.padEnd(44)} ${columns.map((text) => text.padStart(15)).join(' ')}\n`;
  let compared = 0;
  const lines = CASES.map(({ title, counts, depends, then }, index) => {
    const observation = observations[index];
    if (observation?.status !== 'fulfilled') return line(title.slice(0, 44), 'not seen');
    const { sentMs, endMs, planned, samples } = observation.value;
    const [first] = samples;
    if (!first) return line(title.slice(0, 44), 'not seen');
    compared += samples.length;
    const isPlanned = counts !== undefined && !depends;
    const again = counts ? `${isPlanned ? planned.offsetsMs.length : '?'} / ${sentMs.length - 1}` : '';
    const { givesUpMs, atMostMs, nextMs, nextState } = first.forecast;
    const ends = then && nextState === then ? nextMs : givesUpMs;
    const told =
      ends?.toFixed(0) ??
      (atMostMs === null ? (depends ? 'if silent' : 'never') : `≤ ${atMostMs.toFixed(0)}`);
    const end = `${told} / ${endMs === null ? 'not yet' : (endMs - first.atMs).toFixed(0)}`;
    const late = planned.offsetsMs.map((offset, nth) => {
      const zeroMs = sentMs[0] ?? 0;
      return Math.abs((sentMs[nth + 1] ?? zeroMs) - zeroMs - offset);
    });
    const foretold = samples.map(({ atMs, forecast: { givesUpMs } }) => {
      if (endMs === null || givesUpMs === null || Math.abs(endMs - atMs) < AT_ONCE_MS) return 0;
      return Math.abs(atMs + givesUpMs - endNear(observation.value, atMs + givesUpMs));
    });
    const worst = Math.max(0, ...(isPlanned ? late : []), ...foretold).toFixed(0);
    const [head = '', ...rest] = title.match(/.{1,44}(\s|$)/g) ?? [title];
    return line(head.trim(), again, end, worst) + rest.map((part) => `  ${part.trim()}\n`).join('');
  });
  const head = line('forecast / seen', 'sent again', 'end, ms', 'worst, ms');
  return `${head}${lines.join('')}${compared} forecasts of ${CASES.length} waits\n`;
}

const AT_ONCE_MS = 60;
/** How many labs run side by side. */
const AT_ONCE = 20;
/** A look that takes longer does not tell when it read the row. */
const LOOK_MS = 50;

const NEAR_MS = 250;
/** The labs themselves keep a processor busy for less. */
const STILL_MS = 1000;

/** Within a tenth or 250 ms: timers fire up to an eighth late, and the end is seen when next looked for. */
function expectNear(actualMs: number, expectedMs: number, what: string): void {
  const allowedMs = Math.max(NEAR_MS, expectedMs / 10);
  const text = `${what}: ${actualMs.toFixed(0)} ms, forecast or expected ${expectedMs.toFixed(0)} ms`;
  expect(Math.abs(actualMs - expectedMs), text).toBeLessThanOrEqual(allowedMs);
}

/** Sleeps for 50 ms at a time until its standard input ends, and prints the longest that took, in milliseconds. */
const LONGEST_SLEEP = `import select, sys, time
most, last = 0, time.monotonic()
while not select.select([sys.stdin], [], [], 0.05)[0]:
    now = time.monotonic()
    most, last = max(most, now - last), now
print(round(1000 * max(most, time.monotonic() - last)))`;

/** Once more when the machine stood still meanwhile: a virtual one that is moved or saved sends nothing on time. */
async function onTime<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    const sleeper = spawn('python3', ['-c', LONGEST_SLEEP], { stdio: ['pipe', 'pipe', 'inherit'] });
    const result = await work();
    sleeper.stdin.end();
    const longestMs = Number(await text(sleeper.stdout));
    if (longestMs < STILL_MS) return result;
    process.stderr.write(`the machine stood still for ${longestMs} ms: observing once more\n`);
  }
}

async function observe(one: Case): Promise<Observation> {
  const { sysctls = {}, waiting, options = {}, bring, counts, lookMs } = one;
  await using lab = await Lab.open();
  for (const key of Object.keys(sysctls) as (keyof TcpSysctls)[]) {
    for (const host of [lab.client, lab.server]) await host.writeSysctl(SYSCTL_NAMES[key], sysctls[key] ?? 0);
  }
  const [client, server] = [await readTcpSysctls(lab.client), await readTcpSysctls(lab.server)];
  const { connection, host } = await bring(lab);
  const end = endOf(connection, host, 'ESTABLISHED');
  const samples: Sample[] = [];
  const startMs = lab.nowMs();
  let endMs: number | null = null;
  let rowMs = startMs;
  while (lab.nowMs() - startMs < (lookMs ?? 20_000)) {
    const askedMs = lab.nowMs();
    // What its peer sends matters to a request alone.
    const tables = waiting === 'SYN-ACK' ? await lab.observe() : { [host]: await lab.host(host).observe() };
    const row = rowOf(tables[host] ?? [], end);
    const atMs = lab.nowMs();
    // A socket whose descriptor is open keeps its row when it is over, in CLOSED.
    if (!row || row.state === 'CLOSED' || row.state === one.then) {
      endMs = atMs;
      break;
    }
    // The FIN's own timer runs for the moment that its acknowledgment takes.
    const passing = row.state === 'FIN-WAIT-1' && (waiting === 'FIN-WAIT-2' || one.endless === true);
    const seen = { timeline: lab.timeline, tables, sysctls: { client, server }, nowMs: atMs };
    rowMs = askedMs;
    if (!passing && atMs - askedMs < LOOK_MS) samples.push({ atMs, forecast: outlookOf(host, row, seen) });
    await pause(20);
  }
  const sentMs = lab.timeline
    .of('captured')
    .filter(
      (event) =>
        event.host === host &&
        event.direction === 'sent' &&
        event.wire.kind === 'tcp' &&
        counts?.(event.wire.segment),
    )
    .map(({ atMs }) => atMs);
  const own = host === 'client' ? client : server;
  const planned = schedule(waiting, { ...own, rtoMaxMs: options.rtoMaxMs ?? own.rtoMaxMs }, options);
  const definite = samples.filter(
    ({ forecast }) => forecast.givesUpMs !== null || forecast.nextState === one.then,
  );
  return {
    ...{ sentMs, endMs, rowMs, samples, definite: definite.length },
    planned: one.endless ? { ...planned, endMs: null } : planned,
  };
}

type Act = (socket: SocketNumber) => Promise<unknown>;

/** The server hears nothing more of the client. */
async function silence(lab: Lab): Promise<void> {
  await lab.server.setRule({ hook: 'in', destinationPort: lab.serverEndpoint().port, fate: 'drop' });
}

async function listening(lab: Lab, before?: Act): Promise<SocketNumber> {
  const listener = await lab.server.openSocket();
  await before?.(listener);
  await lab.server.bind(listener, lab.serverEndpoint());
  await lab.server.listen(listener, 5);
  return listener;
}

async function connecting(lab: Lab, before?: Act) {
  const connection = { client: lab.nextClientEndpoint(), server: lab.serverEndpoint() };
  const clientSocket = await lab.client.openSocket();
  await before?.(clientSocket);
  await lab.client.bind(clientSocket, connection.client);
  await lab.client.connect(clientSocket, connection.server);
  return { connection, clientSocket };
}

async function established(lab: Lab, beforeListen?: Act) {
  const listener = await listening(lab, beforeListen);
  const opening = await connecting(lab);
  const serverSocket = await until(() => lab.server.accept(listener));
  return { ...opening, serverSocket };
}

async function until<T>(attempt: () => Promise<T | undefined | false>): Promise<T> {
  for (let tries = 0; tries < 5000; tries++) {
    const result = await attempt();
    if (result) return result;
    await pause(1);
  }
  throw new Error('waited for too long');
}

async function inState(lab: Lab, host: HostName, connection: Connection, state: State): Promise<void> {
  const end = endOf(connection, host, state);
  await until(async () => rowOf(await lab.host(host).observe(), end)?.state === state);
}

async function connectInVain(lab: Lab, before?: Act): Promise<Brought> {
  await silence(lab);
  return { connection: (await connecting(lab, before)).connection, host: 'client' };
}

/** A SYN of which the client's kernel knows nothing, and whose SYN-ACKs it may not refuse. */
async function knock(lab: Lab): Promise<Brought> {
  await listening(lab);
  await lab.client.setRule({ hook: 'out', flags: 'R', fate: 'drop' });
  const connection = { client: lab.nextClientEndpoint(), server: lab.serverEndpoint() };
  const [source, destination] = [connection.client, connection.server];
  await lab.client.sendSegment({ source, destination, seq: 1000, ack: null, flags: 'S', window: 64240 });
  await inState(lab, 'server', connection, 'SYN-RECEIVED');
  return { connection, host: 'server' };
}

async function openSimultaneously(lab: Lab): Promise<Brought> {
  await silence(lab);
  const { connection } = await connecting(lab);
  const serverSocket = await lab.server.openSocket();
  await lab.server.bind(serverSocket, connection.server);
  await lab.server.connect(serverSocket, connection.client);
  await inState(lab, 'client', connection, 'SYN-RECEIVED');
  return { connection, host: 'client' };
}

async function sendInVain(lab: Lab, before?: Act): Promise<Brought> {
  const { connection, clientSocket } = await established(lab);
  await before?.(clientSocket);
  await silence(lab);
  await lab.client.send(clientSocket, Buffer.from('ping'));
  return { connection, host: 'client' };
}

async function finishInVain(lab: Lab, finish: Act): Promise<Brought> {
  const { connection, clientSocket } = await established(lab);
  await silence(lab);
  await finish(clientSocket);
  return { connection, host: 'client' };
}

async function waitForFin(lab: Lab, finish: Act): Promise<Brought> {
  const { connection, clientSocket } = await established(lab);
  await finish(clientSocket);
  return { connection, host: 'client' };
}

async function closeLast(lab: Lab): Promise<Brought> {
  const { connection, clientSocket, serverSocket } = await established(lab);
  await lab.client.setRule({ hook: 'in', sourcePort: lab.serverEndpoint().port, fate: 'drop' });
  await lab.client.close(clientSocket);
  await inState(lab, 'server', connection, 'CLOSE-WAIT');
  await lab.server.close(serverSocket);
  return { connection, host: 'server' };
}

/** Both ends finish, and only the client hears the other. */
async function closeAtOnce(lab: Lab, finish: Act): Promise<Brought> {
  const { connection, clientSocket, serverSocket } = await established(lab);
  await silence(lab);
  await finish(clientSocket);
  await lab.server.close(serverSocket);
  await inState(lab, 'client', connection, 'CLOSING');
  return { connection, host: 'client' };
}

async function closeFirst(lab: Lab): Promise<Brought> {
  const { connection, clientSocket, serverSocket } = await established(lab);
  await lab.client.close(clientSocket);
  await inState(lab, 'server', connection, 'CLOSE-WAIT');
  await lab.server.close(serverSocket);
  await inState(lab, 'client', connection, 'TIME-WAIT');
  return { connection, host: 'client' };
}

async function scenario(lab: Lab, id: string): Promise<Brought> {
  const one = CATALOGUE.find((each) => each.id === id);
  if (!one) throw new Error(`no scenario ${id}`);
  const connection = await one.reach(stageOf(lab));
  await inState(lab, one.held.host, connection, one.held.state);
  return { connection, host: one.held.host };
}

async function defer(lab: Lab): Promise<Brought> {
  await listening(lab, (socket) => lab.server.setOption(socket, 'TCP_DEFER_ACCEPT', 2));
  const { connection } = await connecting(lab);
  await inState(lab, 'client', connection, 'ESTABLISHED');
  return { connection, host: 'server' };
}

const FOLDER = mkdtempSync(join(tmpdir(), 'tcplab-timers-'));
const PROGRAM = join(REPOSITORY, 'test/programs/with-options.py');

/** A program connects with these options, and acts when the server does what it is to do. */
async function program(
  lab: Lab,
  act: string,
  options: Record<string, number>,
  server: 'replies' | 'silent' | 'silent once connected',
): Promise<Brought> {
  const name = `${act} ${JSON.stringify(options)} ${server}`;
  if ('TCP_RTO_MAX_MS' in options && !HAS_RTO_MAX) throw new Error(`this kernel can't do ${name}`);
  const go = join(mkdtempSync(join(FOLDER, 'program-')), name);
  const listener = await listening(lab, (socket) => lab.server.setOption(socket, 'SO_RCVBUF', 4096));
  if (server === 'silent') await silence(lab);
  const { address, port } = lab.serverEndpoint();
  const words = Object.entries(options).map(([option, value]) => `${option}=${value}`);
  await lab.client.start(['python3', PROGRAM, act, go, address, String(port), ...words]);
  const local = await until(async () => {
    await lab.observe();
    const read = lab.timeline
      .of('socket-options')
      .find((event) => event.host === 'client' && event.remote.port === port);
    return read?.options ? read.local : undefined;
  });
  if (server !== 'silent') await until(() => lab.server.accept(listener));
  if (server === 'silent once connected') await silence(lab);
  writeFileSync(go, '');
  const connection = { client: local, server: lab.serverEndpoint() };
  await until(async () => {
    const row = rowOf(await lab.client.observe(), endOf(connection, 'client', 'ESTABLISHED'));
    if (act === 'send') return row?.timer === 'retransmission';
    if (act === 'upload') return row?.timer === 'probe' && (row.info?.backoff ?? 0) > 0;
    return act === 'wait' || row?.state !== 'ESTABLISHED';
  });
  return { connection, host: 'client' };
}

async function goQuiet(lab: Lab, intervalS: number, probes: number, userTimeoutMs = 0): Promise<Brought> {
  const brought = await keepAlive(lab, intervalS, probes, userTimeoutMs);
  await silence(lab);
  return brought;
}

async function keepAlive(lab: Lab, intervalS: number, probes: number, userTimeoutMs = 0): Promise<Brought> {
  const { connection, clientSocket } = await established(lab);
  await lab.client.setOption(clientSocket, 'TCP_KEEPIDLE', 1);
  await lab.client.setOption(clientSocket, 'TCP_KEEPINTVL', intervalS);
  await lab.client.setOption(clientSocket, 'TCP_KEEPCNT', probes);
  await lab.client.setOption(clientSocket, 'TCP_USER_TIMEOUT', userTimeoutMs);
  await lab.client.setOption(clientSocket, 'SO_KEEPALIVE', 1);
  return { connection, host: 'client' };
}

/** The server's buffer is full, its window is shut, and the first probe has been sent. */
async function fillWindow(lab: Lab, then: Act = async () => {}): Promise<Brought> {
  const { connection, clientSocket } = await established(lab, (socket) =>
    lab.server.setOption(socket, 'SO_RCVBUF', 4096),
  );
  const end = endOf(connection, 'client', 'ESTABLISHED');
  await until(async () => {
    await lab.client.send(clientSocket, Buffer.alloc(1000));
    const row = rowOf(await lab.client.observe(), end);
    return row?.timer === 'probe' && (row.info?.backoff ?? 0) > 0;
  });
  await then(clientSocket);
  return { connection, host: 'client' };
}
