import { seconds } from '../describe.ts';
import { type Advice, fault, good, unknown } from '../finding.ts';
import type { Probe } from '../probe.ts';
import type { ServerBench } from '../server-bench.ts';

const ADVICE: Advice = {
  why: 'Browsers open connections in advance, and load balancers keep idle ones. In a server that serves one connection after the other, one client that says nothing stops the service for everyone.',
  fix: 'Serve connections side by side (gunicorn: --worker-class gthread, or a buffering proxy in front), and give reads a timeout.',
};

export const slowClients: Probe<ServerBench> = {
  id: 'slow-clients',
  title: 'one client says nothing, another sends a byte at a time',
  purpose: 'Idle and slow clients are normal. They must not stop the service for the others.',
  restsOnService: true,
  async run(bench) {
    const silent = await bench.visit();
    const slow = await bench.visit();
    if (!silent || !slow) return unknown('not-established', 'no connection was established');
    await slow.send(bench.talk.request.subarray(0, 1));
    const startMs = bench.lab.nowMs();
    const wrong = await bench.whatIsWrong();
    const tookMs = bench.lab.nowMs() - startMs;
    const clients = bench.talks ? 'a silent client and a slow one' : 'two silent clients';
    if (wrong) return fault('others-not-served', `beside ${clients}, ${wrong}`, ADVICE);
    return good('others-served', `a new client was served in ${seconds(tookMs)} beside ${clients}`, {
      tookMs,
    });
  },
};
