import { seconds } from '../bench.ts';
import { fault, good, type Probe, risk, unknown } from '../probe.ts';
import type { ServerBench } from '../server-bench.ts';

export const stopped: Probe<ServerBench> = {
  id: 'stopped',
  title: 'SIGTERM during a request, with another connection idle',
  why: 'Every deployment sends SIGTERM. Each truncated response is an error that a user sees. A server that does not exit is killed in the end, with all its open requests.',
  mend: 'On SIGTERM stop accepting, finish requests in progress, close idle connections, then exit.',
  async run(bench) {
    const idle = await bench.visit();
    if (!idle || !(await bench.isAccepted(idle))) return unknown('no connection was accepted');
    if (!bench.talks) {
      const tookMs = await stop(bench);
      if (tookMs === undefined) return risk(`still running ${seconds(bench.withinMs)} after SIGTERM`);
      return good(`exited ${seconds(tookMs)} after SIGTERM; tcplab sent no request`);
    }
    // A response takes some time, and not always the same.
    const cut: string[] = [];
    let slowestMs = 0;
    for (let time = 1; time <= TIMES; time++) {
      const busy = await bench.visit();
      if (!busy || !(await bench.isAccepted(busy))) return unknown('no connection was accepted');
      await busy.ask();
      // The program has read the request, and may not have responded yet.
      await bench.until(async () => ((await bench.serverRow(busy))?.receiveQueue ?? 0) === 0);
      const tookMs = await stop(bench);
      await bench.until(async () => (await busy.isAnswered()) || busy.ended !== 'open', 500);
      if (!(await busy.isAnswered())) cut.push(`${await busy.read()} bytes, then ${ENDED[busy.ended]}`);
      const answers = `${time - cut.length} of ${time} ${time === 1 ? 'response' : 'responses'} complete`;
      if (tookMs === undefined)
        return risk(`still running ${seconds(bench.withinMs)} after SIGTERM; ${answers}`);
      slowestMs = Math.max(slowestMs, tookMs);
      if (time < TIMES) await bench.start();
    }
    const says = `exited ${seconds(slowestMs)} after SIGTERM; ${TIMES - cut.length} of ${TIMES} responses complete`;
    return cut.length > 0 ? fault(`${says} (truncated: ${cut.join('; ')})`) : good(says);
  },
};

const TIMES = 3;
const ENDED = { open: 'nothing', FIN: 'FIN', RST: 'RST' };

/** How long the program took to exit; undefined if it did not in time. */
async function stop(bench: ServerBench): Promise<number | undefined> {
  bench.program.signal('SIGTERM');
  return (await bench.until(() => bench.program.status !== undefined))?.tookMs;
}
