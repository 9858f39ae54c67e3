import { counted } from '../../evidence/counted.ts';
import { type ClientBench, healthy, isInUse } from '../client-bench.ts';
import { seconds } from '../describe.ts';
import { type Advice, fault, good, risk, unknown } from '../finding.ts';
import type { Probe } from '../probe.ts';

const LEAK: Advice = {
  why: 'The server has closed, and the client has not: each such connection stays in CLOSE-WAIT, without a timeout, and leaks a descriptor.',
  fix: 'Close the socket when a read returns 0 (end of file).',
};

const OPEN: Advice = {
  why: 'A client that opens a new connection for each request and leaves it open does so a thousand times in production. Connections add up.',
  fix: 'Reuse connections, and close each one that is no longer needed.',
};

export const leavesNothing: Probe<ClientBench> = {
  id: 'leaves-nothing',
  title: 'a complete response: connections opened and left over',
  purpose: 'What a client leaves open after its work adds up in production.',
  restsOnService: true,
  async run(bench) {
    await bench.meet(healthy);
    await bench.reaction();
    // Orphaned sockets are left out: the kernel closes them.
    const left = (await bench.sockets()).filter(isInUse);
    const attempts = bench.attempts();
    const status = bench.program.status ?? null;
    const numbers = { attempts, left: left.length, status };
    const says = `${counted(attempts, 'connection')}, ${left.length === 0 ? 'none' : bench.describe(left)} left open`;
    if (status !== null && status !== 0)
      return unknown('not-understood', `the client exited with status ${status}: ${says}`, numbers);
    if (left.length === 0) return good('none-left', says, numbers);
    if (left.some(({ state }) => state === 'CLOSE-WAIT')) return fault('close-wait', says, LEAK, numbers);
    const after = `${says} after ${seconds(bench.withinMs)}`;
    // The program still runs, and may use them again.
    const notUsed = openedBesideIdle(bench);
    if (notUsed <= MANY && bench.calls.some(({ requests }) => requests > 1))
      return good('pool', `${after}; used again`, numbers);
    if (left.length > MANY && notUsed > MANY)
      return risk('left-open', `${after}; ${notUsed} were opened while another one was idle`, OPEN, {
        ...numbers,
        notUsed,
      });
    return unknown('idle', `${after}; the program still runs, and may use them again`, numbers);
  },
};

/** A program may open a few connections in advance. */
const MANY = 2;

/** How many connections the program opened while it had one whose response was complete. */
function openedBesideIdle({ calls }: ClientBench): number {
  return calls.filter(({ acceptedMs }) =>
    calls.some(({ answeredMs, isOpen }) => isOpen && answeredMs !== undefined && answeredMs < acceptedMs),
  ).length;
}
