import type { Call } from '../call.ts';
import { type ClientBench, STATUS_ADVICE } from '../client-bench.ts';
import { dataOf, TLS_ALERT } from '../client-wire.ts';
import { type Advice, type Finding, fault, good, risk, unknown } from '../finding.ts';
import type { Probe } from '../probe.ts';
import { isHttpRequest, isLike } from '../talk/http.ts';

const ERROR_ADVICE: Advice = {
  why: 'Each time a server or load balancer closes an idle connection in that moment, a request fails although the server is healthy.',
  fix: "Repeat an idempotent request on a new connection, and keep idle connections for less time than the server does (its keep-alive timeout; Node: http.Agent's timeout).",
};

const TWICE_ADVICE: Advice = {
  why: 'The server may have executed the request before it closed: an order may be placed twice (RFC 9110, 9.2.2).',
  fix: 'Repeat only idempotent methods by yourself, or send an Idempotency-Key that the server knows.',
};

const IDEMPOTENT = /^(GET|HEAD|PUT|DELETE|OPTIONS|TRACE) /;

export const finCrossesRequest: Probe<ClientBench> = {
  id: 'fin-crosses-request',
  title: 'the server closes an idle connection as a request is sent',
  purpose:
    "The server's idle timeout ends in the moment in which the client uses the connection again: the FIN and the request cross.",
  restsOnService: true,
  async run(bench) {
    const { lab } = bench;
    let idle: { call: Call; port: number; rule: number } | undefined;
    bench.serve(async (call, reply) => {
      if (!idle && !reply.closes) {
        const port = (await lab.server.remoteEndpoint(call.socket))?.port ?? 0;
        const { serverPort: destinationPort } = lab;
        // The next request is on its way, and stays there until the FIN has left. Then the kernel retransmits it.
        const rule = await lab.server.setRule({
          ...{ hook: 'in', sourcePort: port, destinationPort, flags: 'P', fate: 'drop' },
        });
        idle = { call, port, rule };
      }
      await call.answer(reply);
    });
    await bench.listen();
    await bench.start();
    const lost = await bench.until(async () => {
      await bench.step();
      return requestAfterAnswer(bench, idle) ?? (bench.program.status === undefined ? undefined : 'none');
    });
    if (!idle || !lost || lost.value === 'none')
      return unknown(
        'no-reuse',
        'the program sent no second request on the same connection, which this test requires',
        { attempts: bench.attempts() },
      );
    const before = bench.requests.length;
    await idle.call.close();
    await lab.server.liftRule(idle.rule);
    const request = lost.value;
    const isRepeated = () =>
      bench.requests.slice(before).some((next) => bench.options.tls || isLike(next, request));
    const wasSent = bench.requests.some((earlier) => earlier.equals(request));
    await bench.until(async () => {
      await bench.step();
      return isRepeated() || bench.program.status !== undefined;
    });
    await bench.reaction();
    // In TLS nobody can see what was lost.
    const isSame = !bench.options.tls && bench.requests.slice(before).some((next) => next.equals(request));
    const isFollowed = bench.requests.length > before;
    return judged(bench, request, { isRepeated: isRepeated(), isSame: isSame && !wasSent, isFollowed });
  },
};

/** The bytes that the client sent on the idle connection after the response: they are not acknowledged. */
function requestAfterAnswer(
  bench: ClientBench,
  idle: { call: Call; port: number } | undefined,
): Buffer | undefined {
  const answeredMs = idle?.call.answeredMs;
  if (answeredMs === undefined) return undefined;
  const least = bench.options.tls ? TLS_ALERT : 0;
  const sent = bench
    .sent()
    .find(
      ({ atMs, segment }) =>
        segment.source.port === idle?.port && atMs > answeredMs && segment.length > least,
    );
  return sent && dataOf(sent);
}

function judged(
  bench: ClientBench,
  lost: Buffer,
  { isRepeated, isSame, isFollowed }: { isRepeated: boolean; isSame: boolean; isFollowed: boolean },
): Finding {
  const { status } = bench.program;
  const request = bench.options.tls ? (bench.requests.at(-1) ?? lost) : lost;
  const isHttp = isHttpRequest(request);
  const method = isHttp ? request.toString('latin1', 0, request.indexOf(' ')) : 'request';
  const mayRepeat = IDEMPOTENT.test(`${method} `) || /^idempotency-key:/im.test(request.toString('latin1'));
  const numbers = { status: status ?? null, attempts: bench.attempts(), repeated: isRepeated ? 1 : 0 };
  const how = status === undefined ? 'keeps running' : `exited with status ${status}`;
  if (isRepeated) {
    const says = `the ${method} was repeated on another connection; ${how}`;
    if (!isHttp)
      return unknown(
        'repeated',
        `${says}; tcplab can't tell whether this request may be executed twice`,
        numbers,
      );
    if (mayRepeat && !bench.options.tls) return good('repeated', says, numbers);
    if (!isSame) {
      const other = `another ${method} to the same target followed; whether it is the lost one can't be seen; ${how}`;
      return unknown('same-target', other, numbers);
    }
    return risk('sent-twice', `${says}, although the server may have executed it`, TWICE_ADVICE, numbers);
  }
  const says = `the ${method} got no response and was not repeated; ${how}`;
  // Without HTTP it may have been a goodbye.
  if (status === undefined || (status === 0 && (!isHttp || isFollowed || method === 'DELETE')))
    return unknown('not-repeated', says, numbers);
  if (status === 0) return fault('reported-success', says, STATUS_ADVICE, numbers);
  return isHttp && mayRepeat
    ? risk('not-repeated', says, ERROR_ADVICE, numbers)
    : good('reported', says, numbers);
}
