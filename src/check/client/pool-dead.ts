import type { Call } from '../call.ts';
import { type ClientBench, STATUS_ADVICE } from '../client-bench.ts';
import { attemptsIn, dataOf, type Sent, TLS_ALERT } from '../client-wire.ts';
import { seconds } from '../describe.ts';
import { type Advice, fault, good, unknown } from '../finding.ts';
import type { Probe } from '../probe.ts';
import { isHttpRequest, isLike } from '../talk/http.ts';

const ADVICE: Advice = {
  why: 'No error arrives: until the kernel gives up, after about 15 min, each request on a dead connection waits for it.',
  fix: 'Give each request a timeout and retry on a new connection; set TCP_USER_TIMEOUT; test idle connections before use.',
};

export const poolDead: Probe<ClientBench> = {
  id: 'pool-dead',
  title: 'all idle connections of the pool are dead',
  purpose:
    'A firewall or NAT has forgotten the idle connections, or the server has moved. Requests on these connections are lost; new connections work.',
  restsOnService: true,
  mayWait: true,
  async run(bench) {
    const isTls = bench.options.tls !== undefined;
    const dead = new Map<Call, number>();
    let lost: Sent | undefined;
    let isServed = false;
    bench.serve(async (call, reply) => {
      if (lost === undefined && !reply.closes)
        dead.set(call, await answerLast(bench, call, () => call.answer(reply)));
      else {
        await call.answer(reply);
        // Another thread of the program may be served meanwhile.
        isServed ||= lost !== undefined && (isTls || isLike(call.lastRequest, dataOf(lost)));
      }
    });
    await bench.listen();
    await bench.start();
    await bench.until(async () => {
      await bench.step();
      lost ??= firstLost(bench, dead);
      return lost !== undefined || bench.program.status !== undefined;
    });
    if (lost === undefined)
      return unknown(
        'no-reuse',
        'the program sent no second request on the same connection, which this test requires',
        { attempts: bench.attempts() },
      );
    await bench.until(async () => {
      await bench.step();
      return isServed || bench.program.status !== undefined;
    });
    const { status } = bench.program;
    const attempts = attemptsIn(bench.sent());
    const { atMs: lostMs } = lost;
    const next = attempts.find(({ atMs }) => atMs > lostMs)?.atMs;
    const tookMs = (isServed ? (next ?? lostMs) : (bench.exitMs ?? bench.lab.nowMs())) - lostMs;
    const numbers = { dead: dead.size, attempts: attempts.length, status: status ?? null, tookMs };
    if (isServed)
      return good(
        'recovered',
        `opened a new connection ${seconds(tookMs)} after the first lost request, and was served`,
        numbers,
      );
    if (status !== undefined) {
      const says = `exited with status ${status} ${seconds(tookMs)} after the first lost request`;
      if (status !== 0) return good('reported', says, numbers);
      // Without HTTP it may have been a goodbye, or the rest of what was answered already.
      return isRequest(bench, lost)
        ? fault('reported-success', `${says}, which reports success`, STATUS_ADVICE, numbers)
        : unknown('not-repeated', `${says}; it may not have required a response`, numbers);
    }
    const says = `no new connection was served within ${seconds(bench.withinMs)} of the first lost request`;
    return bench.stillWaiting(says, ADVICE, numbers);
  },
};

/** Has a response be the last packet that passes on a connection. Gives the client's port. */
async function answerLast(
  { lab }: ClientBench,
  { socket }: Call,
  answer: () => Promise<void>,
): Promise<number> {
  const port = (await lab.server.remoteEndpoint(socket))?.port ?? 0;
  const { serverPort } = lab;
  await lab.server.setRule({ hook: 'in', sourcePort: port, destinationPort: serverPort, fate: 'drop' });
  await answer();
  await lab.server.setRule({ hook: 'out', sourcePort: serverPort, destinationPort: port, fate: 'drop' });
  return port;
}

/** The first data that the client sent on one of the dead connections. */
function firstLost(bench: ClientBench, dead: ReadonlyMap<Call, number>): Sent | undefined {
  const answered = new Map([...dead].map(([call, port]) => [port, call.answeredMs ?? 0]));
  // In TLS a goodbye (close_notify) may be all that comes.
  const least = bench.options.tls ? TLS_ALERT : 0;
  return bench.sent().find(({ atMs, segment }) => {
    const answeredMs = answered.get(segment.source.port);
    return answeredMs !== undefined && segment.length > least && atMs > answeredMs;
  });
}

/** Whether it certainly requires a response. */
function isRequest({ options, requests }: ClientBench, lost: Sent): boolean {
  if (dataOf(lost).toString('latin1', 0, 7) === 'DELETE ') return false;
  return requests.every(isHttpRequest) && (options.tls !== undefined || isHttpRequest(dataOf(lost)));
}
