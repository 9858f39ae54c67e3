import { roughly, seconds } from '../bench.ts';
import { good, type Probe, risk, unknown } from '../probe.ts';
import type { ServerBench } from '../server-bench.ts';

/** A program that waits longer keeps buffers, locks and a pool slot for a client that no longer exists. */
const SOON_MS = 60_000;

export const peerVanishesInFlight: Probe<ServerBench> = {
  id: 'peer-vanishes-in-flight',
  title: 'the client vanishes while a response is in flight',
  why: 'The kernel keeps retransmitting until the limit that tcp_retries2 sets, about 15 min by default. Until then the program sees no error.',
  mend: 'Set TCP_USER_TIMEOUT to the longest silence that you allow, or give writes a timeout in the program.',
  async run(bench) {
    if (!bench.talks) return unknown('tcplab sent no request: use --http or --request');
    const visitor = await bench.visit();
    if (!visitor) return unknown('no connection was established');
    // From here on the client acknowledges nothing.
    await bench.lab.client.setRule({ hook: 'in', sourcePort: bench.lab.serverPort, fate: 'drop' });
    await visitor.ask();
    const waiting = await bench.until(async () => {
      const row = await bench.serverRow(visitor);
      return row?.timer === 'retransmission' && row.sendQueue > 0 ? row : undefined;
    });
    if (!waiting) return unknown(`the server sent nothing within ${seconds(bench.withinMs)}`);
    const gone = await bench.until(async () => (await bench.serverRow(visitor)) === undefined);
    if (gone) return good(`the server gave up after ${seconds(gone.tookMs)}`);
    const row = (await bench.serverRow(visitor)) ?? waiting.value;
    if (row.inode === 0)
      return good(
        `the server closed within ${seconds(bench.withinMs)}; the kernel sends the rest (${row.state})`,
      );
    const { givesUpMs, because } = await bench.forecast(row, 'server');
    if (givesUpMs === null) return risk(`the server waits without a timeout: ${because}`);
    const inMs = givesUpMs + bench.withinMs;
    const says = `the server sees an error after about ${roughly(inMs)} (${because})`;
    return inMs <= SOON_MS ? good(says) : risk(says);
  },
};
