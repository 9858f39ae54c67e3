import { seconds } from '../bench.ts';
import { fault, good, type Probe, risk, unknown } from '../probe.ts';
import type { ServerBench } from '../server-bench.ts';

export const stopped: Probe<ServerBench> = {
  id: 'stopped',
  title: 'it gets SIGTERM while an answer is on its way and a connection is idle',
  why:
    'Every deployment does this. An answer that is cut is an error that a user sees; a program that does not end is killed ' +
    'in the end, with all of its answers.',
  mend: 'On SIGTERM stop accepting, finish what is under way, close what is idle, then exit.',
  async run(bench) {
    const idle = await bench.visit();
    const busy = await bench.visit();
    if (!idle || !busy || !(await bench.isAccepted(busy))) return unknown('no connections were accepted');
    await busy.ask();
    // The request is with the program, its answer is not yet read.
    await bench.until(async () => ((await bench.serverRow(busy))?.receiveQueue ?? 0) === 0);
    bench.program.signal('SIGTERM');
    const ended = await bench.until(async () => {
      await busy.read();
      return bench.program.status !== undefined;
    });
    await busy.isAnswered();
    const whole = await busy.isAnswered();
    const answer = !bench.talks
      ? 'nothing was asked'
      : whole
        ? 'the answer was whole'
        : `the answer was cut (${await busy.read()} octets, then ${ENDED[busy.ended]})`;
    if (!ended) return risk(`it had not ended ${seconds(bench.withinMs)} after SIGTERM; ${answer}`);
    const says = `it ended ${seconds(ended.tookMs)} after SIGTERM; ${answer}`;
    return bench.talks && !whole ? fault(says) : good(says);
  },
};

const ENDED = { open: 'nothing', FIN: 'FIN', RST: 'RST' };
