import type { ClientBench } from '../client-bench.ts';
import { type Probe, unknown } from '../probe.ts';
import { NOT_TRIED } from './syn-dropped.ts';

export const refused: Probe<ClientBench> = {
  id: 'refused',
  title: 'nobody listens: its SYN is answered by RST',
  why: 'The server is being restarted. Who gives up at once loses the request; who tries again without a pause makes it worse.',
  mend: 'Report ECONNREFUSED at once, or try again a few times with growing pauses.',
  async run(bench) {
    if (!(await bench.start())) return unknown(NOT_TRIED);
    const attempts = bench.attempts();
    const finding = await bench.judge(await bench.reaction());
    const times = bench.attempts() - attempts + 1;
    return times > MANY ? { verdict: 'risk', says: `${finding.says}: that is a storm` } : finding;
  },
};

/** In the time that is given: more than any pause between them would let through. */
const MANY = 50;
