import { asOption, seconds } from '../describe.ts';
import { type Advice, good, risk, unknown } from '../finding.ts';
import type { Probe } from '../probe.ts';
import type { ServerBench } from '../server-bench.ts';

/** Load balancers keep idle connections for that long (AWS ALB, nginx keepalive_timeout of an upstream: 60 s). */
const OF_PROXIES_MS = 60_000;
const PATIENCE_MS = 130_000;

const ADVICE: Advice = {
  why: 'A client or proxy that keeps the connection longer sends a request just as the server closes. It gets RST instead of a response, cannot know whether the request was processed, and must not repeat a POST. Proxies answer 502 then.',
  fix: 'Keep idle connections longer than the proxy in front does (Node: server.keepAliveTimeout, Apache: KeepAliveTimeout), or announce the timeout with a Keep-Alive header and have clients heed it.',
};

export const idleTimeout: Probe<ServerBench> = {
  id: 'idle-timeout',
  title: 'an idle connection, used just as the server closes it',
  purpose: 'The race of every connection pool: the end with the shorter idle timeout closes first.',
  restsOnService: true,
  mayWait: true,
  async run(bench) {
    if (!bench.talks) return unknown('no-request', 'tcplab sent no request: use --http, --talk or --request');
    const [idle, racing] = [await bench.visit(), await bench.visit()];
    if (!idle || !racing) return unknown('not-established', 'no connection was established');
    // The server's FIN is still on its way when this one sends.
    const { port } = racing.connection.client;
    const rules = await Promise.all(
      ['F', 'R'].map((flags) =>
        bench.lab.client.setRule({ hook: 'in', destinationPort: port, flags, fate: 'drop' }),
      ),
    );
    if ((await idle.exchange()) === undefined) return unknown('no-answer', 'a request was not answered');
    const isReady = (await racing.exchange()) !== undefined;
    const closed = await bench.until(async () => {
      await idle.read();
      return idle.ended !== 'open';
    });
    if (!closed) {
      const says = `idle connections stay open for more than ${seconds(bench.withinMs)}`;
      if (bench.withinMs >= OF_PROXIES_MS) return good('longer-than-proxies', says, { timeoutMs: null });
      return unknown('still-waiting', `${says}; --within ${asOption(PATIENCE_MS)} would tell how long`);
    }
    // By the packets: on a busy machine it may be over before it is waited for.
    const timeoutMs = await bench.keptIdleMs(idle);
    if (timeoutMs === undefined)
      return unknown('not-measured', 'the server closed an idle connection, but no packet shows when');
    const said = Buffer.concat(bench.said).toString('latin1');
    if (timeoutMs < AT_ONCE_MS || /^connection:.*\bclose\b/im.test(said))
      return good('closes-after-response', 'the server closes after its response');
    // It may have been in one segment with a FIN.
    if (!isReady) return unknown('no-answer', 'the request of a second client was not answered');
    const hasClosed = await bench.until(async () => {
      const row = await bench.serverRow(racing);
      return row === undefined || row.state !== 'ESTABLISHED';
    });
    racing.again();
    await racing.ask();
    for (const rule of rules) await bench.lab.client.liftRule(rule);
    await bench.until(async () => (await racing.isAnswered()) || racing.ended !== 'open');
    if (!hasClosed)
      return unknown(
        'not-closed',
        `closes idle connections after ${seconds(timeoutMs)}, but not the second one`,
      );
    const isLost = !(await racing.isServed());
    const then = isLost
      ? `a request sent just then is lost (${racing.ended})`
      : 'a request sent just then is answered';
    const says = `closes idle connections after ${seconds(timeoutMs)}; ${then}`;
    const numbers = { timeoutMs };
    if (!isLost || timeoutMs >= OF_PROXIES_MS) return good('timeout', says, numbers);
    const announcedS = Number(/^keep-alive:.*\btimeout=(\d+)/im.exec(said)?.[1] ?? Number.NaN);
    // It counts in whole seconds.
    if (announcedS * 1000 > timeoutMs + 1000)
      return risk('sooner-than-announced', `${says}; Keep-Alive announces ${announcedS} s`, ADVICE, numbers);
    if (!Number.isNaN(announcedS))
      return good('announced', `${says}; the timeout is announced in Keep-Alive`, numbers);
    return risk('shorter-than-proxies', says, ADVICE, numbers);
  },
};

/** Who closes so soon does not wait for another request. */
const AT_ONCE_MS = 50;
