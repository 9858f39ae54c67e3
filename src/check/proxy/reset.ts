import { seconds } from '../describe.ts';
import { type Advice, type Finding, fault, good, type Numbers, risk } from '../finding.ts';
import type { By } from '../probe.ts';
import { type Ends, ordered, type ProxyBench, type ProxyProbe, passed } from '../proxy-bench.ts';

const PARTS = { client: Buffer.from('half of'), server: Buffer.from('half an ans') };

/** A relay that gathers what it sends has sent it by then. */
const PASSES_WITHIN_MS = 1000;
const IDLE_MS = 400;

const HALF_FOR_WHOLE: Advice = {
  why: 'Half an answer looks whole: after a FIN, the other end takes what it has for all there is, unless the protocol carries its length. A cache may keep it.',
  fix: 'On ECONNRESET, set SO_LINGER to 0 s on the other side and close it, so that it gets an RST too. Node: resetAndDestroy(); Go: SetLinger(0). Otherwise use protocols with a length.',
};

const END_FOR_CRASH: Advice = {
  why: 'The other end takes a crash for an orderly end: it neither retries nor reports an error.',
  fix: HALF_FOR_WHOLE.fix,
};

const NEVER_TOLD: Advice = {
  why: 'One side of the relay is over, and the other side stays open: its descriptor leaks, and the end that is left waits forever.',
  fix: 'On any error of one side, close the other side as well.',
};

/** Resets at one end, and judges what the other end sees. */
async function afterReset(
  bench: ProxyBench,
  ends: Ends,
  by: By,
  asFin: Advice,
  more: Numbers,
): Promise<Finding> {
  const { doer, other } = ordered(ends, by);
  const startMs = bench.lab.nowMs();
  await doer.abort();
  const deedMs = await bench.leftMs(doer, 'RST', startMs);
  const left = await bench.left(deedMs);
  const told = await bench.told(other, deedMs);
  await other.read();
  const afterMs = told ? told.atMs - deedMs : null;
  const numbers = { afterMs, bytes: other.received, ...more };
  if (!told) {
    const says = `nothing was passed on within ${seconds(bench.withinMs)}`;
    return passed(fault('not-passed-on', says, NEVER_TOLD, numbers), 'RST→nothing', null, left);
  }
  const says = `the RST was passed on as ${told.as} after ${seconds(afterMs ?? 0)}`;
  return passed(
    told.as === 'RST' ? good('passed-on', says, numbers) : risk('fin', says, asFin, numbers),
    `RST→${told.as}`,
    afterMs,
    left,
  );
}

function midway(by: 'client' | 'server', title: string): ProxyProbe {
  return {
    id: 'reset-mid',
    by,
    title,
    purpose:
      'A process crashes or is killed in the middle of an answer. The other end must not take half for whole.',
    restsOnService: true,
    mayWait: true,
    async run(bench) {
      const ends = await bench.through();
      const { doer, other } = ordered(ends, by);
      const before = other.received;
      await doer.send(PARTS[by]);
      await bench.until(async () => {
        await bench.look();
        return (await other.read()) >= before + PARTS[by].length;
      }, PASSES_WITHIN_MS);
      return afterReset(bench, ends, by, HALF_FOR_WHOLE, { partBytes: PARTS[by].length });
    },
  };
}

function idle(by: By, title: string): ProxyProbe {
  return {
    id: 'reset-idle',
    by,
    title,
    purpose: 'A process is killed while its connection is idle. The other end must learn that it is gone.',
    restsOnService: true,
    mayWait: true,
    async run(bench) {
      const ends = await bench.through();
      await bench.pauseUntil(bench.lab.nowMs() + IDLE_MS);
      return afterReset(bench, ends, by, END_FOR_CRASH, {});
    },
  };
}

export const clientResets: ProxyProbe = midway('client', 'the client resets in the middle of its request');
export const serverResets: ProxyProbe = midway('server', 'the server resets in the middle of its answer');
export const clientResetsIdle: ProxyProbe = idle('client', 'the client resets while nothing is under way');
export const serverResetsIdle: ProxyProbe = idle('server', 'the server resets while nothing is under way');
