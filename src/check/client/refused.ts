import type { ClientBench } from '../client-bench.ts';
import { type Probe, risk } from '../probe.ts';

export const refused: Probe<ClientBench> = {
  id: 'refused',
  title: 'nobody listens: its SYN is answered by RST',
  why: 'The server is being restarted. Who gives up at once loses the request; who tries again without a pause makes it worse.',
  mend: 'Report ECONNREFUSED at once, or try again a few times with growing pauses.',
  async run(bench) {
    await bench.start();
    const isStorm = () => bench.attempts() > MANY;
    const reaction = await bench.reaction({ orWhen: isStorm });
    if (!isStorm()) return bench.judge(reaction);
    await bench.program.stop(0);
    return risk(`it tried ${bench.attempts()} times in a row: that is a storm`);
  },
};

/** In the time that is given: more than any pause between them would let through. */
const MANY = 50;
