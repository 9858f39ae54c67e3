import { seconds } from '../describe.ts';
import { type Advice, type Finding, fault, good, risk, unknown } from '../finding.ts';
import type { By } from '../probe.ts';
import { ordered, type ProxyBench, type ProxyProbe, passed } from '../proxy-bench.ts';
import { patternFrom } from './pattern.ts';

const SIZE = 8 << 20;
const AT_A_TIME = 1 << 16;
/** By then, the relay has read what its peer's kernel takes, and its own buffers are full. */
const READS_AFTER_MS = 400;
/** Without a byte for so long, it is not over, and nothing is known of the rest. */
const STALLS_MS = 5000;
const PATIENCE_MS = 60_000;
/** One relay that loses data at the end does so in nine of ten runs. */
const ROUNDS = 2;

const ADVICE: Advice = {
  why: 'The end of a long answer is lost when the sender closes right after its last byte, and the receiver sees an orderly end: files and backups are truncated.',
  fix: 'When a read returns 0, send everything that was read before, and only then pass the FIN on. Never close a socket whose data still waits.',
};

const RESET: Advice = {
  why: 'An RST after the data may overtake what the receiver has not read yet, and throw it away.',
  fix: 'Pass the FIN on as a FIN: shutdown(SHUT_WR), then close() when the other direction has ended.',
};

async function round(bench: ProxyBench, by: By): Promise<Finding> {
  const { doer, other } = ordered(await bench.through(), by);
  other.expectPattern();
  const before = other.received;
  const startMs = bench.lab.nowMs();
  let sent = 0;
  let lastMs = startMs;
  let closedMs: number | undefined;
  await bench.until(async () => {
    for (let took = 1; took > 0 && sent < SIZE; sent += took)
      took = await doer.send(patternFrom(sent, Math.min(AT_A_TIME, SIZE - sent)));
    if (sent === SIZE && closedMs === undefined) {
      closedMs = bench.lab.nowMs();
      await doer.close();
    }
    await bench.look();
    const nowMs = bench.lab.nowMs();
    if (nowMs - startMs >= READS_AFTER_MS) {
      const had = other.received;
      await other.read();
      if (other.received > had) lastMs = nowMs;
    }
    const isOver = other.ended !== 'open' || (doer.ended !== 'open' && closedMs === undefined);
    return isOver || nowMs - Math.max(lastMs, startMs + READS_AFTER_MS) > STALLS_MS;
  }, PATIENCE_MS);
  const received = other.received - before;
  const deedMs = await bench.leftMs(doer, 'FIN', startMs);
  const told = bench.toldSoFar(other, startMs);
  const left = await bench.left(deedMs);
  const afterMs = told ? told.atMs - deedMs : null;
  const numbers = { sentBytes: sent, receivedBytes: received, afterMs };
  const about = (finding: Finding, as: 'intact' | 'not intact' | null) => passed(finding, as, afterMs, left);
  const amount = `${received} of ${sent} bytes`;
  if (!other.isIntact)
    return about(
      fault('changed', `what arrived is not what was sent (${amount})`, ADVICE, numbers),
      'not intact',
    );
  if (received === SIZE) {
    if (other.ended === 'RST')
      return about(risk('reset', `all ${SIZE >> 20} MiB arrived, then an RST`, RESET, numbers), 'intact');
    const end = other.ended === 'FIN' ? `then the FIN` : `but no FIN within ${seconds(STALLS_MS)}`;
    return about(good('intact', `all ${SIZE >> 20} MiB arrived intact, ${end}`, numbers), 'intact');
  }
  if (other.ended !== 'open')
    return about(
      fault(
        'truncated',
        `${amount} arrived, then ${other.ended}: ${sent - received} bytes are lost`,
        ADVICE,
        numbers,
      ),
      'not intact',
    );
  return about(
    unknown('not-over', `not over: ${amount} arrived, and nothing more for ${seconds(STALLS_MS)}`, numbers),
    null,
  );
}

function probe(by: By, title: string): ProxyProbe {
  return {
    id: 'large',
    by,
    title,
    purpose:
      'A long answer, whose sender closes right after the last byte: every byte must arrive before the end does.',
    restsOnService: true,
    mayWait: true,
    async run(bench) {
      for (let number = 1; ; number++) {
        const finding = await round(bench, by);
        if (number === ROUNDS || finding.verdict !== 'good') return finding;
      }
    },
  };
}

export const clientSendsMuch: ProxyProbe = probe('client', 'the client sends 8 MiB and closes at once');
export const serverSendsMuch: ProxyProbe = probe('server', 'the server sends 8 MiB and closes at once');
