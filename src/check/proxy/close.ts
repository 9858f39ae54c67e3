import { seconds } from '../describe.ts';
import { type Advice, fault, good, risk } from '../finding.ts';
import type { By } from '../probe.ts';
import { ordered, type ProxyProbe, passed } from '../proxy-bench.ts';

const NEVER_TOLD: Advice = {
  why: 'The end that is left believes that the other one is still there. Its connection, its descriptor and its session stay, and no TCP timer ends them.',
  fix: 'When a read returns 0, pass it on with shutdown(SHUT_WR) on the other side.',
};

const RESET: Advice = {
  why: 'An RST throws away what the other end has not read yet, and looks like a crash to it.',
  fix: 'Pass a FIN on as a FIN: shutdown(SHUT_WR). close() sends an RST if something is unread.',
};

function probe(by: By, title: string): ProxyProbe {
  return {
    id: 'close',
    by,
    title,
    purpose: 'One end is done and leaves. The other one must be told, or it waits forever.',
    restsOnService: true,
    mayWait: true,
    async run(bench) {
      const { doer, other } = ordered(await bench.through(), by);
      const startMs = bench.lab.nowMs();
      await doer.close();
      const deedMs = await bench.leftMs(doer, 'FIN', startMs);
      const left = await bench.left(deedMs);
      const told = await bench.told(other, deedMs);
      const afterMs = told ? told.atMs - deedMs : null;
      const numbers = { afterMs, waitedMs: told ? null : bench.withinMs };
      if (!told) {
        const says = `nothing was passed on within ${seconds(bench.withinMs)}`;
        return passed(fault('not-passed-on', says, NEVER_TOLD, numbers), 'FIN→nothing', null, left);
      }
      const says = `the FIN was passed on as ${told.as} after ${seconds(afterMs ?? 0)}`;
      return passed(
        told.as === 'FIN' ? good('passed-on', says, numbers) : risk('reset', says, RESET, numbers),
        `FIN→${told.as}`,
        afterMs,
        left,
      );
    },
  };
}

export const clientCloses: ProxyProbe = probe('client', 'the client closes, and the server does not');
export const serverCloses: ProxyProbe = probe('server', 'the server closes, and the client does not');
