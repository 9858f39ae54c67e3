import { memoryOf } from '../../kernel/process.ts';
import { type Advice, good, risk, unknown } from '../finding.ts';
import type { Probe } from '../probe.ts';
import type { ServerBench } from '../server-bench.ts';

/** A smaller response fits into the buffers of the kernel, in bytes. */
const LARGE = 8 * 2 ** 20;
const CLIENTS = 8;
/** The kernel raises it to its minimum. */
const SMALL_BUFFER = 1;

const ADVICE: Advice = {
  why: 'The program keeps the whole response in memory for each client that reads slowly. A few thousand mobile clients, or one attacker, exhaust it.',
  fix: 'Produce the response piece by piece, and stop while the socket is not writable (Node: pipeline() or drain, Go: io.Copy). Limit what is buffered per client.',
};

export const slowReader: Probe<ServerBench> = {
  id: 'slow-reader',
  title: `${CLIENTS} clients request a large response and read nothing`,
  purpose: 'Slow clients are normal. The memory that each one takes must have a limit.',
  restsOnService: true,
  async run(bench) {
    if (!bench.talks) return unknown('no-request', 'tcplab sent no request: use --http, --talk or --request');
    if (!bench.processes) return unknown('elsewhere', 'the program runs on another machine');
    const first = await bench.visit();
    if ((await first?.exchange()) === undefined) return unknown('no-answer', 'a request was not answered');
    const bytes = (await first?.read()) ?? 0;
    await first?.close();
    if (bytes < LARGE)
      return unknown(
        'too-small',
        `a response of ${bytes} bytes is too small to tell: request one of at least ${megabytes(LARGE)}`,
        { bytes },
      );
    const memory = () => memoryOf(bench.processes ?? []);
    const before = memory();
    for (let client = 0; client < CLIENTS; client++) {
      const visitor = await bench.visit({ receiveBuffer: SMALL_BUFFER });
      if (!visitor) return unknown('not-established', 'no connection was established');
      await visitor.ask();
      const full = await bench.until(async () => {
        const row = await bench.serverRow(visitor);
        return row?.timer === 'probe' && row.sendQueue > 0;
      });
      if (!full) return unknown('window-not-filled', 'the server did not fill the receive window');
    }
    const perClient = Math.max(0, Math.round((memory() - before) / CLIENTS));
    const numbers = { bytes, perClient };
    const says = `each client that does not read takes ${megabytes(perClient)} of memory, of a response of ${megabytes(bytes)}`;
    return perClient > bytes / 2 ? risk('unbounded', says, ADVICE, numbers) : good('bounded', says, numbers);
  },
};

function megabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MB`;
}
