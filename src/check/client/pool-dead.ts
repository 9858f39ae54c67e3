import type { Call } from '../call.ts';
import { type ClientBench, STATUS_ADVICE } from '../client-bench.ts';
import { attemptsIn } from '../client-wire.ts';
import { seconds } from '../describe.ts';
import { type Advice, fault, good, unknown } from '../finding.ts';
import type { Probe } from '../probe.ts';

const ADVICE: Advice = {
  why: 'No error arrives: until the kernel gives up, after about 15 min, each request on a dead connection waits for it.',
  fix: 'Give each request a timeout and retry on a new connection; set TCP_USER_TIMEOUT; test idle connections before use.',
};

export const poolDead: Probe<ClientBench> = {
  id: 'pool-dead',
  title: 'all idle connections of the pool are dead',
  purpose:
    'A firewall or NAT has forgotten the idle connections, or the server has moved: requests on them are lost, but new connections work.',
  restsOnService: true,
  async run(bench) {
    const dead = new Map<Call, number>();
    let lostMs: number | undefined;
    let isServed = false;
    bench.serve(async (call, reply) => {
      if (lostMs === undefined && !reply.closes)
        dead.set(call, await answerLast(bench, call, () => call.answer(reply)));
      else {
        await call.answer(reply);
        isServed ||= lostMs !== undefined;
      }
    });
    await bench.listen();
    await bench.start();
    await bench.until(async () => {
      await bench.step();
      lostMs ??= firstLost(bench, dead);
      return lostMs !== undefined || bench.program.status !== undefined;
    });
    if (lostMs === undefined)
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
    const lost = lostMs;
    const next = attempts.find(({ atMs }) => atMs > lost)?.atMs;
    const tookMs = (isServed ? (next ?? lost) : (bench.exitMs ?? bench.lab.nowMs())) - lost;
    const numbers = { dead: dead.size, attempts: attempts.length, status: status ?? null, tookMs };
    if (isServed)
      return good(
        'recovered',
        `opened a new connection ${seconds(tookMs)} after the first lost request, and was served`,
        numbers,
      );
    if (status !== undefined) {
      const says = `exited with status ${status} ${seconds(tookMs)} after the first lost request`;
      return status === 0
        ? fault('reported-success', `${says}, which reports success`, STATUS_ADVICE, numbers)
        : good('reported', says, numbers);
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

/** When the client first sent data on one of the dead connections. */
function firstLost(bench: ClientBench, dead: ReadonlyMap<Call, number>): number | undefined {
  const answered = new Map([...dead].map(([call, port]) => [port, call.answeredMs ?? 0]));
  return bench.sent().find(({ atMs, segment }) => {
    const answeredMs = answered.get(segment.source.port);
    return answeredMs !== undefined && segment.length > 0 && atMs > answeredMs;
  })?.atMs;
}
