import type { ClientBench } from '../client-bench.ts';
import { type Probe, risk } from '../probe.ts';

export const refused: Probe<ClientBench> = {
  id: 'refused',
  title: 'no listener: the SYN is answered with RST',
  why: 'The server is being restarted. A client that gives up loses the request; one that retries without a pause makes the overload worse.',
  mend: 'Report ECONNREFUSED at once, or retry a few times with exponential backoff.',
  async run(bench) {
    await bench.start();
    const isStorm = () => bench.attempts() > MANY;
    const reaction = await bench.reaction({ orWhen: isStorm });
    if (!isStorm()) return bench.judge(reaction);
    await bench.program.stop(0);
    return risk(`${bench.attempts()} attempts in a row: a retry storm`);
  },
};

/** More attempts than this in the time given are a storm: pauses would allow fewer. */
const MANY = 50;
