import { memoryOf } from '../../kernel/process.ts';
import { type Advice, type Finding, good, risk, unknown } from '../finding.ts';
import type { Probe } from '../probe.ts';
import type { ServerBench } from '../server-bench.ts';

/** A smaller response fits into the buffers of the kernel, in bytes. */
const LARGE = 8 * 2 ** 20;
const CLIENTS = 8;
/** Readings in a row, some milliseconds apart, in which the memory stays the same. */
const STEADY = 50;
/** The kernel raises it to its minimum. */
const SMALL_BUFFER = 1;

const ADVICE: Advice = {
  why: 'The program keeps the whole response in memory for each client that reads slowly. A few thousand mobile clients, or one attacker, exhaust it.',
  fix: 'Produce the response piece by piece, and stop while the socket is not writable (Node: pipeline() or drain, Go: io.Copy). Limit what is buffered per client.',
};

export const slowReader: Probe<ServerBench> = {
  id: 'slow-reader',
  title: `${2 * CLIENTS} clients request a large response and read nothing`,
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
    const pids = bench.processes;
    // The first of them have each process load what it keeps for all.
    const atFirst = await openAndWait(bench, bytes);
    const all = typeof atFirst === 'number' ? await openAndWait(bench, bytes) : atFirst;
    if (typeof atFirst !== 'number' || typeof all !== 'number') return all as Finding;
    if ((bench.processes ?? []).some((pid) => !pids.includes(pid)))
      return unknown(
        'new-processes',
        'the program started processes for its clients: what each takes of the response is not visible',
      );
    const perClient = Math.max(0, Math.round((all - atFirst) / CLIENTS));
    const numbers = { bytes, perClient };
    const says = `each client that does not read takes ${megabytes(perClient)} of memory, of a response of ${megabytes(bytes)}`;
    return perClient > bytes / 2 ? risk('unbounded', says, ADVICE, numbers) : good('bounded', says, numbers);
  },
};

/** Has more clients read nothing. Gives the memory that the program uses then, in bytes; or why that can't be told. */
async function openAndWait(bench: ServerBench, bytes: number): Promise<number | Finding> {
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
  const readings: number[] = [];
  // What it reads in advance may still arrive.
  await bench.until(() => {
    readings.push(memoryOf(bench.processes ?? []));
    const [last = 0, earlier = 0] = [readings.at(-1), readings.at(-STEADY)];
    return readings.length > STEADY && Math.abs(last - earlier) < bytes / 50;
  });
  return readings.at(-1) ?? 0;
}

function megabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MB`;
}
