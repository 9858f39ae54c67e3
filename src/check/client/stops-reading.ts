import { roughly, seconds } from '../bench.ts';
import type { ClientBench } from '../client-bench.ts';
import { good, type Probe, risk, unknown } from '../probe.ts';

export const stopsReading: Probe<ClientBench> = {
  id: 'stops-reading',
  title: 'the server stops reading during an upload',
  why: 'The receive window drops to zero, and the kernel sends window probes. As long as the server acknowledges them, TCP never gives up.',
  mend: 'Give writes a timeout, or require a minimum upload speed (curl --speed-limit with --speed-time).',
  async run(bench) {
    await bench.call({ receiveBuffer: 1 });
    const full = await bench.until(async () => {
      const [row] = await bench.sockets();
      return bench.program.status !== undefined || (row?.timer === 'probe' && row.sendQueue > 0);
    });
    if (!full || (bench.program.status !== undefined && full.tookMs < 1))
      return unknown("the upload is too small to fill the server's receive window");
    if (bench.program.status !== undefined)
      return good(`exited with status ${bench.program.status} after ${seconds(full.tookMs)}`);
    const reaction = await bench.reaction();
    if (reaction.what !== 'nothing') return bench.judge(reaction);
    const { givesUpMs } = await bench.forecast(reaction.row, 'client');
    const end =
      givesUpMs === null
        ? 'no TCP timer ends the wait'
        : `the kernel gives up in about ${roughly(givesUpMs)}`;
    return risk(`still waiting at zero window after ${seconds(bench.withinMs)}; ${end}`);
  },
};
