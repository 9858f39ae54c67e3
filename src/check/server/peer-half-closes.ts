import { seconds } from '../bench.ts';
import { good, type Probe, risk, unknown } from '../probe.ts';
import type { ServerBench } from '../server-bench.ts';

export const peerHalfCloses: Probe<ServerBench> = {
  id: 'peer-half-closes',
  title: 'the client shuts down its sending side after the request, and waits',
  why:
    'A FIN says that no more will come, not that nobody listens (RFC 9293, 3.6). `nc -N`, some proxies and many scripts do ' +
    'this, and want the answer still.',
  mend: 'Take the end of the input for what it is, finish the answer, then close (Node: allowHalfOpen).',
  async run(bench) {
    if (!bench.talks) return unknown('nothing was said: --http or --request lets an answer be looked at');
    const visitor = await bench.visit();
    if (!visitor) return unknown('no connection stood');
    await visitor.ask();
    await visitor.shutdown();
    const over = await bench.until(async () => (await visitor.isAnswered()) || visitor.ended !== 'open');
    if (await visitor.isAnswered()) return good(`the answer was whole, after ${seconds(over?.tookMs ?? 0)}`);
    if (visitor.ended === 'open') return risk(`no whole answer came within ${seconds(bench.withinMs)}`);
    return risk(
      `it sent a ${visitor.ended} after ${await visitor.read()} octets, and the answer was not whole`,
    );
  },
};
