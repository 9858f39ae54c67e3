import { socketHolders } from '../../kernel/process.ts';
import { asOption, seconds } from '../describe.ts';
import { type Advice, fault, good, unknown } from '../finding.ts';
import type { Probe } from '../probe.ts';
import type { ServerBench } from '../server-bench.ts';

const ADVICE: Advice = {
  why: 'Users close tabs and clients time out during requests. Each one that the server does not notice keeps a descriptor and its buffers, until accept() fails with EMFILE.',
  fix: 'Read, or poll for EPOLLRDHUP and EPOLLHUP, while a request is incomplete or in progress, and close the descriptor on end of file and on ECONNRESET.',
};

const PATIENCE_MS = 60_000;

export const clientLeaves: Probe<ServerBench> = {
  id: 'client-leaves',
  title: 'clients leave in the middle of a request, by RST and FIN',
  purpose:
    'Users close tabs, clients time out. The descriptor must be closed; whether the work stops is not visible from outside.',
  restsOnService: true,
  mayWait: true,
  async run(bench) {
    const { processes } = bench;
    if (!processes) return unknown('elsewhere', 'the program runs on another machine');
    const took: Record<string, number> = {};
    for (const by of ['FIN', 'RST'] as const) {
      const progress = await bench.inProgress();
      if (!progress) return unknown('not-in-progress', 'no request could be held in progress');
      const { busy } = progress;
      const inode = (await bench.serverRow(busy))?.inode;
      if (!inode) return unknown('not-accepted', 'the connection was not accepted');
      const isHeld = () => socketHolders(bench.processes ?? []).some((one) => one.inode === inode);
      if (!isHeld()) return unknown('not-visible', "the program's descriptors can't be seen");
      await (by === 'RST' ? busy.abort() : busy.close());
      const closed = await bench.until(() => !isHeld());
      if (!closed) {
        const says = `the descriptor is still open ${seconds(bench.withinMs)} after the client's ${by}`;
        // It may close it by a timer of its own. No timer of the kernel ends CLOSE-WAIT.
        const isWaiting = (await bench.serverRow(busy))?.state === 'CLOSE-WAIT';
        if (!isWaiting && bench.withinMs < PATIENCE_MS)
          return unknown('still-waiting', `${says}; --within ${asOption(PATIENCE_MS)} would tell`);
        return fault('descriptor-stays', says, ADVICE, { waitedMs: bench.withinMs });
      }
      took[`${by === 'RST' ? 'reset' : 'fin'}Ms`] = closed.tookMs;
    }
    const wrong = await bench.whatIsWrong();
    if (wrong) return fault('not-served-after', `after clients left, ${wrong}`, ADVICE, took);
    const { resetMs = 0, finMs = 0 } = took;
    const says = `the descriptor was closed ${seconds(resetMs)} after RST and ${seconds(finMs)} after FIN`;
    return good('descriptor-closed', says, took);
  },
};
