import { seconds } from '../bench.ts';
import { type ClientBench, isInUse } from '../client-bench.ts';
import { fault, good, type Probe, risk, unknown } from '../probe.ts';

export const leavesNothing: Probe<ClientBench> = {
  id: 'leaves-nothing',
  title: 'it is answered well: how often it connected, and what is left of that',
  why: 'What a client does when all is well, a thousand copies of it do at once: connections that are opened anew and left behind add up.',
  mend: 'Use a connection again, and close each that is no longer needed.',
  async run(bench) {
    const call = await bench.call();
    await call.answer({ part: false });
    const reaction = await bench.reaction();
    const { program } = bench;
    const rows = await bench.sockets();
    // What the kernel finishes by itself is nobody's any more.
    const left = rows.filter(isInUse);
    const times = bench.attempts();
    const says = `${times} ${times === 1 ? 'connection' : 'connections'}, left in use: ${left.length === 0 ? 'none' : bench.describe(left)}`;
    if (program.status !== undefined && program.status !== 0)
      return unknown(`it ended with status ${program.status}: ${says}`);
    if (left.length > 0 && left.every(({ state }) => state === 'CLOSE-WAIT')) return fault(says);
    if (reaction.what === 'nothing')
      return risk(`${says}; it was still there after ${seconds(bench.withinMs)}`);
    return good(says);
  },
};
