import { asOption, seconds } from '../describe.ts';
import { type Advice, type Finding, fault, good, risk, unknown } from '../finding.ts';
import type { By } from '../probe.ts';
import { type Ends, ordered, type ProxyBench, type ProxyProbe, passed } from '../proxy-bench.ts';

/** Of the relay's host: so that keepalive, if it is on, and retransmissions are over soon. */
const SOON = {
  'net.ipv4.tcp_keepalive_time': 1,
  'net.ipv4.tcp_keepalive_intvl': 1,
  'net.ipv4.tcp_keepalive_probes': 2,
  'net.ipv4.tcp_retries2': 3,
};

/** With tcp_retries2 at 3, the kernel gives up after some 6.4 s. */
const GIVES_UP_MS = 8000;
/** Relays have idle timeouts of a minute or more (nginx stream: proxy_timeout 10m). */
const PATIENCE_MS = 130_000;

const NO_TIMER: Advice = {
  why: 'A pulled cable, a NAT that forgets: no FIN comes. Unless the relay has an idle timeout of its own, both of its sockets stay forever, and the end that is left is never told.',
  fix: 'Set SO_KEEPALIVE on both sides, or an idle timeout. haproxy: option clitcpka and srvtcpka; nginx: so_keepalive=on, proxy_socket_keepalive on; socat: keepalive.',
};

const NOT_PASSED_ON: Advice = {
  why: "The relay's own socket has ended, and the end that is left learns nothing: it waits forever.",
  fix: 'On any error of one side (ETIMEDOUT, EHOSTUNREACH), close the other side as well.',
};

/** After an end has vanished: whether the other one learns of it. */
async function afterVanishing(
  bench: ProxyBench,
  ends: Ends,
  by: By,
  withinMs: number,
  send?: Buffer,
): Promise<Finding> {
  const { doer, other } = ordered(ends, by);
  await doer.cut();
  const deedMs = bench.lab.nowMs();
  if (send) await other.send(send);
  const left = await bench.left(deedMs);
  const told = await bench.told(other, deedMs, withinMs);
  const afterMs = told ? told.atMs - deedMs : null;
  const row = await bench.relayRow(doer);
  const givesUpMs = row
    ? (await bench.forecast(row, doer.name === 'client' ? 'server' : 'client', { answered: false }, doer.lab))
        .givesUpMs
    : null;
  const numbers = { afterMs, givesUpMs, rst: told ? Number(told.as === 'RST') : null };
  if (told)
    return passed(
      good('told', `the ${other.name} got ${told.as} after ${seconds(afterMs ?? 0)}`, numbers),
      'told',
      afterMs,
      left,
    );
  const says = `the ${other.name} learned nothing within ${seconds(withinMs)}`;
  const about = (finding: Finding) => passed(finding, 'not told', null, left);
  if (!row)
    return about(
      fault('not-passed-on', `${says}, though the relay's own socket has ended`, NOT_PASSED_ON, numbers),
    );
  if (givesUpMs !== null)
    return about(
      unknown(
        'still-waiting',
        `${says}; the kernel gives the relay's socket up in about ${seconds(givesUpMs)}`,
        numbers,
      ),
    );
  const none = `${says}, and no TCP timer ends the relay's socket (${row.state})`;
  if (bench.withinMs >= PATIENCE_MS) return about(fault('never-told', none, NO_TIMER, numbers));
  return about(
    risk(
      'no-timer',
      `${none}; --within ${asOption(PATIENCE_MS)} would tell whether the relay has an idle timeout`,
      NO_TIMER,
      numbers,
    ),
  );
}

function idle(by: By, title: string): ProxyProbe {
  return {
    id: 'vanish-idle',
    by,
    title,
    purpose:
      'A cable is pulled, a NAT drops its entry: nothing arrives any more. Only a timer of the relay can notice.',
    restsOnService: true,
    mayWait: true,
    sysctls: SOON,
    async run(bench) {
      return afterVanishing(bench, await bench.through(), by, bench.withinMs);
    },
  };
}

function inFlight(by: By, title: string): ProxyProbe {
  return {
    id: 'vanish-flight',
    by,
    title,
    purpose:
      'What the relay passes on is not acknowledged. When the kernel gives up, the sender must be told.',
    restsOnService: true,
    mayWait: true,
    sysctls: SOON,
    async run(bench) {
      const ends = await bench.through();
      return afterVanishing(bench, ends, by, Math.max(bench.withinMs, GIVES_UP_MS), Buffer.alloc(500, '.'));
    },
  };
}

export const clientVanishes: ProxyProbe = idle('client', 'the client vanishes while nothing is under way');
export const serverVanishes: ProxyProbe = idle('server', 'the server vanishes while nothing is under way');
export const clientVanishesInFlight: ProxyProbe = inFlight(
  'client',
  'the client vanishes, and the server sends',
);
export const serverVanishesInFlight: ProxyProbe = inFlight(
  'server',
  'the server vanishes, and the client sends',
);
