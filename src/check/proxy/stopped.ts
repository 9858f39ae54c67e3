import { asOption, seconds } from '../describe.ts';
import { type Advice, type Finding, fault, good, risk, unknown } from '../finding.ts';
import { type ProxyProbe, passed } from '../proxy-bench.ts';

/** Supervisors wait for so long before they kill: Docker 10 s, Kubernetes 30 s, systemd 90 s. */
const PATIENCE_MS = 30_000;

const STAYS: Advice = {
  why: 'A supervisor kills what does not end in time (Docker after 10 s, Kubernetes after 30 s): all connections are then cut at once.',
  fix: 'On SIGTERM, close the listener and end idle connections; exit when the last one is over, or after a deadline.',
};

const NOT_TOLD: Advice = {
  why: 'The relay is gone, and an end was not told: it waits forever.',
  fix: 'Find the process that still has the socket open: a child that was forked for the connection, for example.',
};

export const stopped: ProxyProbe = {
  id: 'stopped',
  by: 'both',
  title: 'the relay gets its stop signal while a connection is open',
  purpose: 'A deployment. Both ends must learn that the relay is going, and the relay must come to an end.',
  restsOnService: true,
  mayWait: true,
  async run(bench) {
    const { client, server } = await bench.through();
    const startMs = bench.lab.nowMs();
    bench.signalStop();
    const over = await bench.until(async () => {
      await bench.look();
      await client.read();
      await server.read();
      const [one, other] = [bench.toldSoFar(client, startMs), bench.toldSoFar(server, startMs)];
      return one && other && bench.program.status !== undefined ? { one, other } : undefined;
    });
    const left = await bench.left(startMs);
    const [one, other] = [bench.toldSoFar(client, startMs), bench.toldSoFar(server, startMs)];
    const { status } = bench.program;
    const afterOf = (told: typeof one) => (told ? told.atMs - startMs : null);
    const numbers = {
      clientToldMs: afterOf(one),
      serverToldMs: afterOf(other),
      status: status ?? null,
      exitMs: bench.exitMs === undefined ? null : bench.exitMs - startMs,
    };
    const afterMs = one && other ? Math.max(one.atMs, other.atMs) - startMs : null;
    const about = (finding: Finding) => passed(finding, one && other ? 'told' : 'not told', afterMs, left);
    const within = seconds(bench.withinMs);
    if (over && one && other)
      return about(
        good('ended', `it exited, the client got ${one.as}, and the server got ${other.as}`, numbers),
      );
    if (status !== undefined) {
      const who = one ? 'the server' : other ? 'the client' : 'neither end';
      return about(
        fault(
          'not-told',
          `it exited, and ${who === 'neither end' ? 'neither end was' : `${who} was not`} told within ${within}`,
          NOT_TOLD,
          numbers,
        ),
      );
    }
    const says = `it still runs ${within} after the signal`;
    if (bench.withinMs >= PATIENCE_MS) return about(risk('stays', says, STAYS, numbers));
    return about(
      unknown(
        'still-running',
        `${says}, as it may while a connection is open; --within ${asOption(PATIENCE_MS)} would tell`,
        numbers,
      ),
    );
  },
};
