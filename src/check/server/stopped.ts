import { seconds } from '../bench.ts';
import { fault, good, type Probe, risk, unknown } from '../probe.ts';
import type { ServerBench } from '../server-bench.ts';

export const stopped: Probe<ServerBench> = {
  id: 'stopped',
  title: 'it gets SIGTERM when it has just read a request, and a connection is idle',
  why:
    'Every deployment does this. An answer that is cut is an error that a user sees; a program that does not end is killed ' +
    'in the end, with all of its answers.',
  mend: 'On SIGTERM stop accepting, finish what is under way, close what is idle, then exit.',
  async run(bench) {
    const idle = await bench.visit();
    if (!idle || !(await bench.isAccepted(idle))) return unknown('no connection was accepted');
    if (!bench.talks) {
      const tookMs = await stop(bench);
      if (tookMs === undefined) return risk(`it had not ended ${seconds(bench.withinMs)} after SIGTERM`);
      return good(`it ended ${seconds(tookMs)} after SIGTERM; nothing was asked`);
    }
    // An answer takes a moment, and one is not like the other.
    const cut: string[] = [];
    let slowestMs = 0;
    for (let time = 1; time <= TIMES; time++) {
      const busy = await bench.visit();
      if (!busy || !(await bench.isAccepted(busy))) return unknown('no connection was accepted');
      await busy.ask();
      // The program has read the request, and has perhaps not answered yet.
      await bench.until(async () => ((await bench.serverRow(busy))?.receiveQueue ?? 0) === 0);
      const tookMs = await stop(bench);
      await bench.until(async () => (await busy.isAnswered()) || busy.ended !== 'open', 500);
      if (!(await busy.isAnswered())) cut.push(`${await busy.read()} octets, then ${ENDED[busy.ended]}`);
      const answers = `${time - cut.length} of ${time} ${time === 1 ? 'answer' : 'answers'} whole`;
      if (tookMs === undefined)
        return risk(`it had not ended ${seconds(bench.withinMs)} after SIGTERM; ${answers}`);
      slowestMs = Math.max(slowestMs, tookMs);
      if (time < TIMES) await bench.start();
    }
    const says = `it ended ${seconds(slowestMs)} after SIGTERM; ${TIMES - cut.length} of ${TIMES} answers were whole`;
    return cut.length > 0 ? fault(`${says} (cut: ${cut.join('; ')})`) : good(says);
  },
};

const TIMES = 3;
const ENDED = { open: 'nothing', FIN: 'FIN', RST: 'RST' };

/** How long it took to end; undefined when it did not in time. */
async function stop(bench: ServerBench): Promise<number | undefined> {
  bench.program.signal('SIGTERM');
  return (await bench.until(() => bench.program.status !== undefined))?.tookMs;
}
