import { type ClientBench, PATIENCE_MS } from '../client-bench.ts';
import { roughly, seconds } from '../describe.ts';
import { type Advice, good, unknown } from '../finding.ts';
import type { Probe } from '../probe.ts';

const ADVICE: Advice = {
  why: 'The receive window drops to zero, and the kernel sends window probes. As long as the server acknowledges them, TCP never gives up.',
  fix: 'Give writes a timeout, or require a minimum upload speed (curl --speed-limit with --speed-time).',
};

export const stopsReading: Probe<ClientBench> = {
  id: 'stops-reading',
  title: 'the server stops reading during an upload',
  purpose:
    'A server that hangs in the middle of an upload acknowledges each window probe, so TCP waits without end.',
  restsOnService: false,
  mayWait: true,
  async run(bench) {
    await bench.listenOnly({ receiveBuffer: 1 });
    await bench.start();
    const full = await bench.until(async () => {
      const [row] = await bench.sockets();
      return bench.program.status !== undefined || (row?.timer === 'probe' && row.sendQueue > 0);
    });
    const { status } = bench.program;
    if (!full)
      return unknown('window-not-filled', "the upload is too small to fill the server's receive window");
    if (status !== undefined)
      return unknown(
        'ended-early',
        `exited with status ${status} before the server's receive window was full`,
        {
          status,
        },
      );
    const reaction = await bench.reaction();
    if (reaction.what !== 'nothing') return bench.judge(reaction, ADVICE);
    const { givesUpMs } = await bench.forecast(reaction.row, 'client');
    const end =
      givesUpMs === null
        ? 'no TCP timer ends the wait'
        : `the kernel gives up in about ${roughly(givesUpMs)}`;
    const says = `still waiting at zero window after ${seconds(bench.withinMs)}; ${end}`;
    const numbers = { waitedMs: bench.withinMs, givesUpMs };
    if (givesUpMs !== null && givesUpMs <= PATIENCE_MS) return good('kernel-gives-up', says, numbers);
    return bench.stillWaiting(says, ADVICE, numbers);
  },
};
