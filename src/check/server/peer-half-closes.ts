import { seconds } from '../describe.ts';
import { type Advice, good, risk, unknown } from '../finding.ts';
import type { Probe } from '../probe.ts';
import type { ServerBench } from '../server-bench.ts';

const ADVICE: Advice = {
  why: 'A FIN means "I have nothing more to send", not "I have stopped reading" (RFC 9293, 3.6). `nc -N`, some proxies and many scripts shut down their sending side and still expect a response.',
  fix: 'At end of file finish the response, then close (Node: allowHalfOpen: true).',
};

export const peerHalfCloses: Probe<ServerBench> = {
  id: 'peer-half-closes',
  title: 'the client sends a FIN after its request, and waits',
  purpose:
    'Clients that have nothing more to send shut down their sending side, and still expect the response.',
  restsOnService: true,
  async run(bench) {
    if (!bench.talks) return unknown('no-request', 'tcplab sent no request: use --http, --talk or --request');
    const visitor = await bench.visit();
    if (!visitor) return unknown('not-established', 'no connection was established');
    await bench.until(async () => (await visitor.isGreeted()) || visitor.ended !== 'open');
    await visitor.ask();
    await visitor.shutdown();
    const over = await bench.until(async () => (await visitor.isAnswered()) || visitor.ended !== 'open');
    const tookMs = over?.tookMs ?? bench.withinMs;
    if (visitor.problem !== null && (await visitor.isAnswered()))
      return risk('other-answer', `the server answered ${visitor.problem}`, ADVICE, { tookMs });
    if (await visitor.isAnswered())
      return good('answered', `complete response in ${seconds(tookMs)}`, { tookMs });
    const bytes = await visitor.read();
    if (visitor.ended === 'open')
      return risk('no-answer', `no complete response within ${seconds(bench.withinMs)}`, ADVICE, { bytes });
    const says = `the server sent ${visitor.ended} after ${bytes} bytes of the response, which is not complete`;
    return risk('answer-cut', says, ADVICE, { bytes, tookMs });
  },
};
