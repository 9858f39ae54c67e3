import { counted } from '../../evidence/counted.ts';
import { type Advice, fault, good, risk, unknown } from '../finding.ts';
import type { Probe } from '../probe.ts';
import type { ServerBench } from '../server-bench.ts';
import type { Visitor } from '../visitor.ts';

/** Of so many, some are the old copy's: the kernel distributes them over both listeners (SO_REUSEPORT, socket(7)). */
const CLIENTS = 16;
/** How soon the new copy answers, which has nothing else to do. */
const ANSWERS_WITHIN_MS = 300;

const LOST: Advice = {
  why: 'With SO_REUSEPORT each copy has an accept queue of its own. Closing a listener resets what is still in its queue: clients that are connected and have sent a request.',
  fix: 'On SIGTERM accept until nothing is queued, and close the listener then. Or have the kernel move what is queued to the other copy: sysctl net.ipv4.tcp_migrate_req=1 (Linux 5.14). Or pass the listener on to the new copy.',
};

const BROKEN: Advice = {
  why: 'The new copy was to take over, and does not serve: the reload ends the service.',
  fix: 'Have the new copy listen only once it can serve, and independent of the old one.',
};

export const reload: Probe<ServerBench> = {
  id: 'reload',
  title: 'a second copy starts beside the first, which then ends',
  purpose: 'A reload without a gap: for some time two processes listen, and no client must notice.',
  restsOnService: true,
  async run(bench) {
    if (!bench.talks) return unknown('no-request', 'tcplab sent no request: use --http, --talk or --request');
    if (!bench.processes) return unknown('elsewhere', 'the program runs on another machine');
    const old = bench.program;
    const oldListener = (await bench.listener())?.inode;
    // A client of the old copy, which stays.
    const first = await bench.visit();
    await first?.exchange();
    const why = await bench.startBeside();
    if (why !== null)
      return unknown(
        'no-second-copy',
        `a second copy does not run beside the first: ${why}. This test is for programs that share their port (SO_REUSEPORT); a restart of others has a gap, in which clients are refused`,
      );
    // A program that stands still accepts nothing.
    old.signal('SIGSTOP');
    const visitors: Visitor[] = [];
    while (visitors.length < CLIENTS) {
      const visitor = await bench.visit();
      if (!visitor) return unknown('not-established', 'no connection was established');
      await visitor.ask();
      visitors.push(visitor);
    }
    const waiting = async () => {
      const isAnswered = await Promise.all(visitors.map((visitor) => visitor.isAnswered()));
      return visitors.filter((_, index) => !isAnswered[index]);
    };
    await bench.until(async () => (await waiting()).length === 0, ANSWERS_WITHIN_MS);
    const isQueued = async (visitor: Visitor) => (await bench.serverRow(visitor))?.inode === 0;
    const queued: Visitor[] = [];
    for (const visitor of await waiting()) if (await isQueued(visitor)) queued.push(visitor);
    // Both copies have a queue: only what is in the old one's counts.
    const rows = await bench.lab.server.observe();
    const inOld =
      rows.find(({ inode, state }) => state === 'LISTEN' && inode === oldListener)?.receiveQueue ?? 0;
    if (bench.program.status !== undefined)
      return unknown(
        'no-second-copy',
        `a second copy listened beside the first, and exited with status ${bench.program.status}`,
      );
    if (inOld !== queued.length)
      return unknown(
        'not-queued',
        `${queued.length} clients wait, of which only ${inOld} are in the old copy's accept queue`,
      );
    const { stopSignal = 'SIGTERM', signalGroup = false } = bench.options;
    old.signal(stopSignal, signalGroup ? 'group' : 'process');
    old.signal('SIGCONT');
    let lost = 0;
    for (const visitor of queued) if (!(await bench.fateOf(visitor)).startsWith('answered')) lost++;
    const exited = await bench.until(() => old.status !== undefined);
    const wrong = await bench.whatIsWrong();
    const numbers = { clients: CLIENTS, queued: queued.length, lost };
    if (wrong)
      return fault('not-served-after', `after the old copy had its ${stopSignal}, ${wrong}`, BROKEN, numbers);
    if (lost > 0)
      return risk(
        'queued-lost',
        `${lost} of ${counted(queued.length, 'client')} in the old copy's accept queue got no response`,
        LOST,
        numbers,
      );
    if (queued.length === 0)
      return unknown(
        'not-queued',
        'no connection could be held in the accept queue of the old copy',
        numbers,
      );
    const left = exited ? '' : '; the old copy is still running';
    return good(
      'handed-over',
      `${counted(queued.length, 'client')} in the old copy's accept queue got a response; then the new copy served${left}`,
      numbers,
    );
  },
};
