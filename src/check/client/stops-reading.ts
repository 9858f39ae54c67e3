import { roughly, seconds } from '../bench.ts';
import type { ClientBench } from '../client-bench.ts';
import { good, type Probe, risk, unknown } from '../probe.ts';

export const stopsReading: Probe<ClientBench> = {
  id: 'stops-reading',
  title: 'the server stops reading in mid-upload',
  why: 'The window goes to zero, and the kernel asks without end whether it has opened: as long as the server answers that, TCP never gives up.',
  mend: 'Give writes a deadline, or watch how fast the upload goes (curl --speed-limit with --speed-time).',
  async run(bench) {
    await bench.call({ receiveBuffer: 1 });
    const full = await bench.until(async () => {
      const [row] = await bench.sockets();
      return bench.program.status !== undefined || (row?.timer === 'probe' && row.sendQueue > 0);
    });
    if (!full || (bench.program.status !== undefined && full.tookMs < 1))
      return unknown('it uploads too little to fill the server’s window');
    if (bench.program.status !== undefined)
      return good(`it ended with status ${bench.program.status} after ${seconds(full.tookMs)}`);
    const reaction = await bench.reaction();
    if (reaction.what !== 'nothing') return bench.judge(reaction);
    const { givesUpMs } = await bench.forecast(reaction.row, 'client');
    const end =
      givesUpMs === null ? 'no timer ends that' : `the kernel ends it in about ${roughly(givesUpMs)}`;
    return risk(`with a window of zero it still waited after ${seconds(bench.withinMs)}; ${end}`);
  },
};
