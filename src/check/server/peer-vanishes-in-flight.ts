import { roughly, seconds } from '../bench.ts';
import { good, type Probe, risk, unknown } from '../probe.ts';
import type { ServerBench } from '../server-bench.ts';

/** Who waits longer holds buffers, locks and a place in the pool for a client that is gone. */
const SOON_MS = 60_000;

export const peerVanishesInFlight: Probe<ServerBench> = {
  id: 'peer-vanishes-in-flight',
  title: 'the client vanishes while the answer is on its way',
  why:
    'The kernel sends the answer again and again, for as long as tcp_retries2 stands for: a quarter of an hour. Until then ' +
    'the program believes that all is well.',
  mend: 'Set TCP_USER_TIMEOUT to what a client may be silent for, or give writes a deadline in the program.',
  async run(bench) {
    if (!bench.talks) return unknown('nothing was said: --http or --request has it send something');
    const visitor = await bench.visit();
    if (!visitor) return unknown('no connection stood');
    // What the server sends from here on, nobody acknowledges.
    await bench.lab.client.setRule({ hook: 'in', sourcePort: bench.lab.serverPort, fate: 'drop' });
    await visitor.ask();
    const waiting = await bench.until(async () => {
      const row = await bench.serverRow(visitor);
      return row?.timer === 'retransmission' && row.sendQueue > 0 ? row : undefined;
    });
    if (!waiting) return unknown(`it sent nothing within ${seconds(bench.withinMs)}`);
    const gone = await bench.until(async () => (await bench.serverRow(visitor)) === undefined);
    if (gone) return good(`it gave the connection up after ${seconds(gone.tookMs)}`);
    const row = (await bench.serverRow(visitor)) ?? waiting.value;
    if (row.inode === 0)
      return good(
        `it closed within ${seconds(bench.withinMs)}, and left the rest to the kernel (${row.state})`,
      );
    const { givesUpMs, because } = await bench.forecast(row, 'server');
    if (givesUpMs === null) return risk(`it waits without end: ${because}`);
    const inMs = givesUpMs + bench.withinMs;
    const says = `it finds out after about ${roughly(inMs)} (${because})`;
    return inMs <= SOON_MS ? good(says) : risk(says);
  },
};
