import { asOption, seconds } from '../describe.ts';
import { type Advice, fault, good, risk, unknown } from '../finding.ts';
import type { Probe } from '../probe.ts';
import type { ServerBench } from '../server-bench.ts';

/** A server that notices within this time is good enough. Most NATs drop their entries sooner. */
const SOON_MS = 15 * 60_000;

/** The idle timeouts of common servers are shorter (nginx 75 s, IIS 120 s). */
const PATIENCE_MS = 130_000;

const ADVICE: Advice = {
  why: 'When a phone loses coverage, a cable is pulled or a NAT drops its entry, no FIN arrives. The connection keeps its descriptor, buffers and session.',
  fix: 'Close idle connections after a timeout, or set SO_KEEPALIVE with TCP_KEEPIDLE of a few minutes. Set TCP_USER_TIMEOUT to limit unacknowledged data as well.',
};

/** For a program that exits because one client is gone. */
export const ENDS: Advice = {
  why: 'One client that vanishes ends the service for everyone.',
  fix: 'Handle the errors of each connection by itself (ETIMEDOUT, EHOSTUNREACH), and go on serving the others.',
};

export const peerVanishesIdle: Probe<ServerBench> = {
  id: 'peer-vanishes-idle',
  title: 'the client vanishes while the connection is idle',
  purpose:
    'A phone loses coverage, a NAT drops its entry: no FIN arrives, and the server must notice by a timer.',
  restsOnService: true,
  mayWait: true,
  async run(bench) {
    const visitor = await bench.visit();
    if (!visitor) return unknown('not-established', 'no connection was established');
    await visitor.exchange();
    if (!(await bench.isAccepted(visitor))) return unknown('not-accepted', 'the connection was not accepted');
    if (visitor.ended !== 'open') return good('server-closed-first', 'the server closes after its response');
    await bench.cut();
    const gone = await bench.until(async () => {
      const row = await bench.serverRow(visitor);
      return row === undefined || row.state !== 'ESTABLISHED';
    });
    if (gone) {
      const { tookMs } = gone;
      const { status } = bench.program;
      if (status !== undefined)
        return fault('ended', `the program exited with status ${status} after ${seconds(tookMs)}`, ENDS, {
          status,
        });
      return good('closed', `the server closed after ${seconds(tookMs)}`, { tookMs });
    }
    const row = await bench.serverRow(visitor);
    if (!row) return good('closed', 'the server closed', { tookMs: bench.withinMs });
    const { givesUpMs, timer } = await bench.forecast(row, 'server', { answered: false });
    const says = `still open after ${seconds(bench.withinMs)}; ${await bench.outlook(row, 'server', { answered: false })}`;
    const numbers = { waitedMs: bench.withinMs, givesUpMs };
    if (timer !== null && givesUpMs !== null && givesUpMs <= SOON_MS) return good('keepalive', says, numbers);
    if (bench.withinMs >= PATIENCE_MS) return risk('stays-open', says, ADVICE, numbers);
    const tell = `--within ${asOption(PATIENCE_MS)} would tell whether the server has an idle timeout`;
    return unknown('still-waiting', `${says}; ${tell}`, numbers);
  },
};
