import { seconds } from '../describe.ts';
import { type Advice, fault, good, unknown } from '../finding.ts';
import type { By } from '../probe.ts';
import { ordered, type ProxyProbe, passed } from '../proxy-bench.ts';

/** A server says something before it half-closes; a client has said it already. */
const SAID = Buffer.from('all said');
const LATE = Buffer.from('late answer');

/** How long after the FIN the other end answers. */
const ANSWERS_AFTER_MS = 1000;
/** Without a FIN. */
const WAITS_FOR_FIN_MS = 3000;

const LOST: Advice = {
  why: 'A program may send its request and then call shutdown(SHUT_WR), as nc -N, rsync and many protocols without a length do. The answer to it is lost.',
  fix: 'Pass a FIN on with shutdown(SHUT_WR), and go on with the other direction until it ends too. socat: -t 60; nginx stream: proxy_half_close on; Node: allowHalfOpen and end(); asyncio: write_eof().',
};

const SWALLOWED: Advice = {
  why: 'The other end never learns that nothing more comes. If it answers only at the end of the input, both wait forever.',
  fix: 'Pass a FIN on with shutdown(SHUT_WR) when a read returns 0 and what was read before is sent.',
};

const RESET: Advice = {
  why: 'An RST throws away what the other end has not read yet, and looks like a crash.',
  fix: 'Pass a FIN on as a FIN: shutdown(SHUT_WR), and close() once the other direction has ended too.',
};

function probe(by: By, title: string): ProxyProbe {
  return {
    id: 'half-close',
    by,
    title,
    purpose:
      'An end has said all, and waits for the rest of the answer. The relay must keep that direction open.',
    restsOnService: true,
    async run(bench) {
      const { doer, other } = ordered(await bench.through(), by);
      if (by === 'server') {
        const before = other.received;
        await doer.send(SAID);
        await bench.until(async () => {
          await bench.look();
          return (await other.read()) >= before + SAID.length;
        });
      }
      const before = doer.received;
      const startMs = bench.lab.nowMs();
      await doer.shutdown();
      const deedMs = await bench.leftMs(doer, 'FIN', startMs);
      const told = await bench.told(other, deedMs, WAITS_FOR_FIN_MS);
      if (told) await bench.pauseUntil(told.atMs + ANSWERS_AFTER_MS);
      const afterMs = told ? told.atMs - deedMs : null;
      const sent = await other.send(LATE);
      await other.close();
      const over = await bench.until(async () => {
        await bench.look();
        await doer.read();
        return doer.received - before >= LATE.length || doer.ended !== 'open';
      });
      if (over) {
        // The FIN behind a whole answer is on its way: the end closes when it has read that, as programs do.
        await bench.until(async () => {
          await bench.look();
          await doer.read();
          return doer.ended !== 'open';
        }, CLOSES_WITHIN_MS);
        await doer.close();
      }
      const left = await bench.left(deedMs);
      const arrived = doer.received - before;
      const numbers = { afterMs, lateBytes: arrived, lateSent: LATE.length, accepted: sent };
      const how = told
        ? `the FIN was passed on as ${told.as} after ${seconds(afterMs ?? 0)}`
        : `no FIN was passed on within ${seconds(WAITS_FOR_FIN_MS)}`;
      const passedAs = told ? (`FIN→${told.as}` as const) : 'FIN→nothing';
      if (arrived < LATE.length) {
        if (!over)
          return passed(
            unknown(
              'not-over',
              `${how}; the late answer did not arrive within ${seconds(bench.withinMs)}, and the connection is still open`,
              numbers,
            ),
            passedAs,
            afterMs,
            left,
          );
        const says = `${how}; the late answer is lost: the relay sent ${doer.ended} after ${arrived} of ${LATE.length} bytes`;
        return passed(fault('late-answer-lost', says, LOST, numbers), 'lost', afterMs, left);
      }
      const says = `${how}; the late answer arrived`;
      if (!told) return passed(fault('not-passed-on', says, SWALLOWED, numbers), passedAs, afterMs, left);
      if (told.as === 'RST') return passed(fault('reset', says, RESET, numbers), passedAs, afterMs, left);
      return passed(good('kept', says, numbers), passedAs, afterMs, left);
    },
  };
}

const CLOSES_WITHIN_MS = 300;

export const clientHalfCloses: ProxyProbe = probe(
  'client',
  'the client half-closes, and the server answers later',
);
export const serverHalfCloses: ProxyProbe = probe(
  'server',
  'the server half-closes, and the client answers later',
);
