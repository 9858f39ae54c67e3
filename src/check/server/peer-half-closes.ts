import { seconds } from '../bench.ts';
import { good, type Probe, risk, unknown } from '../probe.ts';
import type { ServerBench } from '../server-bench.ts';

export const peerHalfCloses: Probe<ServerBench> = {
  id: 'peer-half-closes',
  title: 'the client sends a FIN after its request, and waits',
  why: 'A FIN means "I have nothing more to send", not "I have stopped reading" (RFC 9293, 3.6). `nc -N`, some proxies and many scripts shut down their sending side and still expect a response.',
  mend: 'At end of file finish the response, then close (Node: allowHalfOpen: true).',
  async run(bench) {
    if (!bench.talks) return unknown('tcplab sent no request: use --http or --request');
    const visitor = await bench.visit();
    if (!visitor) return unknown('no connection was established');
    await visitor.ask();
    await visitor.shutdown();
    const over = await bench.until(async () => (await visitor.isAnswered()) || visitor.ended !== 'open');
    if (await visitor.isAnswered()) return good(`complete response in ${seconds(over?.tookMs ?? 0)}`);
    if (visitor.ended === 'open') return risk(`no complete response within ${seconds(bench.withinMs)}`);
    return risk(
      `the server sent ${visitor.ended} after ${await visitor.read()} bytes of the response, which is not complete`,
    );
  },
};
