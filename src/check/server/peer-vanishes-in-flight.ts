import { asOption, roughly, seconds } from '../describe.ts';
import { type Advice, fault, good, risk, unknown } from '../finding.ts';
import type { Probe } from '../probe.ts';
import type { ServerBench } from '../server-bench.ts';
import { ENDS } from './peer-vanishes-idle.ts';

/** A program that waits longer keeps buffers, locks and a pool slot for a client that no longer exists. */
const SOON_MS = 60_000;

const ADVICE: Advice = {
  why: 'The kernel keeps retransmitting until the limit that tcp_retries2 sets, about 15 min by default. Until then the program sees no error.',
  fix: 'Set TCP_USER_TIMEOUT to the longest silence that you allow, or give writes a timeout in the program.',
};

export const peerVanishesInFlight: Probe<ServerBench> = {
  id: 'peer-vanishes-in-flight',
  title: 'the client vanishes while a response is in flight',
  purpose: 'A client that is gone acknowledges nothing. The server must notice by a timer, and let go.',
  restsOnService: true,
  mayWait: true,
  async run(bench) {
    if (!bench.talks) return unknown('no-request', 'tcplab sent no request: use --http, --talk or --request');
    const visitor = await bench.visit();
    if (!visitor) return unknown('not-established', 'no connection was established');
    await bench.until(async () => (await visitor.isGreeted()) || visitor.ended !== 'open');
    if (visitor.ended !== 'open')
      return unknown('server-closed-first', 'the server closed before the request');
    // From here on the client acknowledges nothing.
    await bench.lab.client.setRule({ hook: 'in', sourcePort: bench.lab.serverPort, fate: 'drop' });
    await visitor.ask();
    const waiting = await bench.until(async () => {
      const row = await bench.serverRow(visitor);
      return row?.timer === 'retransmission' && row.sendQueue > 0 ? row : undefined;
    });
    if (!waiting) return unknown('no-answer', `the server sent nothing within ${seconds(bench.withinMs)}`);
    const gone = await bench.until(async () => {
      const row = await bench.serverRow(visitor);
      return row === undefined || row.inode === 0;
    });
    const row = await bench.serverRow(visitor);
    if (gone) {
      const { tookMs } = gone;
      const { status } = bench.program;
      if (status !== undefined)
        return fault('ended', `the program exited with status ${status} after ${seconds(tookMs)}`, ENDS, {
          status,
        });
      const rest = row ? `; the kernel sends the rest (${row.state})` : '';
      return good('closed', `the server closed after ${seconds(tookMs)}${rest}`, { tookMs });
    }
    const { givesUpMs, because } = await bench.forecast(row ?? waiting.value, 'server', { answered: false });
    const numbers = { waitedMs: bench.withinMs, givesUpMs };
    if (givesUpMs !== null && givesUpMs + bench.withinMs <= SOON_MS)
      return good(
        'kernel-gives-up',
        `the server sees an error after about ${roughly(givesUpMs + bench.withinMs)} (${because})`,
        numbers,
      );
    const end =
      givesUpMs === null
        ? `no TCP timer ends it: ${because}`
        : `the kernel gives up in about ${roughly(givesUpMs)} (${because})`;
    const says = `still open after ${seconds(bench.withinMs)}; ${end}`;
    if (bench.withinMs >= SOON_MS) return risk('stays-open', says, ADVICE, numbers);
    const tell = `--within ${asOption(SOON_MS)} would tell whether the server has a timeout of its own`;
    return unknown('still-waiting', `${says}; ${tell}`, numbers);
  },
};
