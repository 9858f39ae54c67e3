import { seconds } from '../bench.ts';
import { type ClientBench, isInUse } from '../client-bench.ts';
import { fault, good, type Probe, risk, unknown } from '../probe.ts';

export const leavesNothing: Probe<ClientBench> = {
  id: 'leaves-nothing',
  title: 'a complete response: connections opened and left over',
  why: 'A client that opens a new connection for each request and leaves it open does so a thousand times in production. Connections add up.',
  mend: 'Reuse connections, and close each one that is no longer needed.',
  async run(bench) {
    const call = await bench.call();
    await call.answer({ part: false });
    const reaction = await bench.reaction();
    const { program } = bench;
    const rows = await bench.sockets();
    // Orphaned sockets are left out: the kernel closes them.
    const left = rows.filter(isInUse);
    const times = bench.attempts();
    const says = `${times} ${times === 1 ? 'connection' : 'connections'}, ${left.length === 0 ? 'none' : bench.describe(left)} left open`;
    if (program.status !== undefined && program.status !== 0)
      return unknown(`the client exited with status ${program.status}: ${says}`);
    if (left.length > 0 && left.every(({ state }) => state === 'CLOSE-WAIT')) return fault(says);
    if (reaction.what === 'nothing') return risk(`${says} after ${seconds(bench.withinMs)}`);
    return good(says);
  },
};
