import { seconds } from '../describe.ts';
import { type Advice, fault, good, risk, unknown } from '../finding.ts';
import type { By } from '../probe.ts';
import { ordered, type ProxyProbe, passed } from '../proxy-bench.ts';
import { patternFrom } from './pattern.ts';

const MIB = 1 << 20;
/** A relay that takes so much for an end that reads nothing has no limit. Sockets' buffers alone take up to some 10 MiB. */
const MOST = 48 * MIB;
const AT_A_TIME = 1 << 16;
/** Then the packets are read, and other tests have their turn. */
const BURST = 2 * MIB;
/** How long nothing more is taken until it counts as stopped. */
const STOPS_MS = 1000;

const ADVICE: Advice = {
  why: 'One peer that reads slowly, or not at all, has the relay gather all that the other one sends: memory grows until the relay is killed, and all its connections with it.',
  fix: 'Read no more from one side while what was read waits for the other one. Node: pipe(), or pause() when write() returns false; asyncio: await drain().',
};

const SPOOLS: Advice = {
  why: 'The relay takes all there is from the fast end, though not into its memory: a disk may fill up, and the sender believes that its data has arrived.',
  fix: 'Limit what is buffered: nginx: proxy_max_temp_file_size, proxy_buffering off, proxy_request_buffering off.',
};

function probe(by: By, title: string): ProxyProbe {
  return {
    id: 'stops-reading',
    by,
    title,
    purpose:
      'A slow or hung peer. The relay must pass the zero window on, and not gather what the other end sends.',
    restsOnService: true,
    mayWait: true,
    async run(bench) {
      // Here `doer` is the end that does not read.
      const { other } = ordered(await bench.through(), by);
      const leg = other.name === 'client' ? 'front' : 'back';
      const memoryBefore = bench.memory;
      const startMs = bench.lab.nowMs();
      let lastMs = startMs;
      let taken = 0;
      const over = await bench.until(
        async () => {
          let took = 1;
          for (let burst = 0; took > 0 && burst < BURST && taken < MOST; burst += took) {
            took = await other.send(patternFrom(taken, Math.min(AT_A_TIME, MOST - taken)));
            taken += took;
            if (took > 0) lastMs = bench.lab.nowMs();
          }
          const nowMs = bench.lab.nowMs();
          await bench.look();
          if (taken >= MOST) return 'all';
          if (other.ended !== 'open') return 'ended';
          return nowMs - lastMs > STOPS_MS ? 'stopped' : undefined;
        },
        Math.max(bench.withinMs, PATIENCE_MS),
      );
      const memory = bench.memory - memoryBefore;
      const zero = bench.passings.first({ leg, what: 'zero window', isFromRelay: true }, startMs);
      const zeroWindowMs = zero ? zero.atMs - startMs : null;
      const numbers = { takenBytes: taken, memoryBytes: memory, zeroWindowMs };
      const left = await bench.left(startMs);
      const amount = `${mebibytes(taken)} were taken`;
      if (over?.value === 'all') {
        const says = `all ${amount}, and the relay's memory grew by ${mebibytes(memory)}`;
        return passed(
          memory > MOST / 2
            ? fault('unbounded', says, ADVICE, numbers)
            : risk('spools', says, SPOOLS, numbers),
          'unbounded',
          null,
          left,
        );
      }
      if (over?.value === 'ended')
        return passed(
          unknown('ended', `the relay ended the connection by ${other.ended} after ${amount}`, numbers),
          null,
          null,
          left,
        );
      // Without a zero window it may be the relay that is slow.
      if (!over || !zero)
        return passed(
          unknown(
            'not-over',
            `${amount} within ${seconds(bench.lab.nowMs() - startMs)}, and no zero window was seen`,
            numbers,
          ),
          null,
          null,
          left,
        );
      const says = `${amount}; the zero window came after ${seconds(zeroWindowMs ?? 0)}, and the relay's memory grew by ${mebibytes(Math.max(0, memory))}`;
      return passed(good('bounded', says, numbers), 'bounded', zeroWindowMs, left);
    },
  };
}

/** A machine with other work may need so long to send it all. */
const PATIENCE_MS = 60_000;

function mebibytes(bytes: number): string {
  return `${(bytes / MIB).toFixed(1)} MiB`;
}

export const clientStopsReading: ProxyProbe = probe(
  'client',
  'the client stops reading, and the server sends on',
);
export const serverStopsReading: ProxyProbe = probe(
  'server',
  'the server stops reading, and the client sends on',
);
