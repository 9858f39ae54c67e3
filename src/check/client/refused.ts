import type { ClientBench } from '../client-bench.ts';
import { attemptsIn } from '../client-wire.ts';
import { type Advice, risk } from '../finding.ts';
import type { Probe } from '../probe.ts';

const ADVICE: Advice = {
  why: 'A client that gives up loses the request; one that retries without a pause makes the overload worse.',
  fix: 'Report ECONNREFUSED at once, or retry a few times with exponential backoff.',
};

/** More attempts than this in the time given are a storm: pauses would allow fewer. */
const MANY = 50;
const AT_ONCE_MS = 200;

export const refused: Probe<ClientBench> = {
  id: 'refused',
  title: 'no listener: the SYN is answered with RST',
  purpose: 'The server is being restarted. The client should report that at once, or retry with pauses.',
  restsOnService: false,
  async run(bench) {
    await bench.start();
    const times = () => attemptsIn(bench.sent()).map(({ atMs }) => atMs);
    const first = times()[0] ?? 0;
    // A program may open several connections side by side: that is not a retry.
    const isStorm = () => times().filter((atMs) => atMs > first + AT_ONCE_MS).length > MANY;
    const reaction = await bench.reaction({ orWhen: isStorm });
    if (!isStorm()) return bench.judge(reaction, ADVICE);
    await bench.program.stop(0);
    const attempts = bench.attempts();
    return risk('retry-storm', `${attempts} attempts in a row: a retry storm`, ADVICE, { attempts });
  },
};
