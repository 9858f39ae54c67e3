import { roughly, seconds } from '../describe.ts';
import { type Advice, type Finding, fault, good, risk, unknown } from '../finding.ts';
import { HELLO, type ProxyBench, type ProxyProbe, passed } from '../proxy-bench.ts';

/** A relay that tries again does so by then (haproxy: after a second). */
const MAY_RETRY_MS = 4000;
/** How soon a relay has dropped its attempt for a client that has left. */
const DROPS_WITHIN_MS = 1000;

const NEVER_TOLD: Advice = {
  why: 'The client waits for an answer that never comes: its connection looks healthy, and no TCP timer ends it.',
  fix: "When connect() fails, close the client's connection: with an RST (SO_LINGER 0 s), so that it does not look like an empty answer.",
};

const LATE: Advice = {
  why: "The client's connection looks healthy while the relay still waits for the server, by default for more than two minutes (tcp_syn_retries). Clients, descriptors and threads pile up.",
  fix: 'Give connect() a deadline of a few seconds. haproxy: timeout connect; nginx: proxy_connect_timeout; socat: connect-timeout; Node: a timer and destroy().',
};

/** What the client learns if the relay can't connect. */
async function whatIsTold(bench: ProxyBench): Promise<Finding> {
  const startMs = bench.lab.nowMs();
  const dialled = await bench.dial();
  const answer = dialled?.answer;
  const client = dialled?.client;
  if (client && (!answer || answer.isGranted)) await client.send(HELLO);
  const status = answer && !answer.isGranted ? answer.status : undefined;
  const told = client && status === undefined ? await bench.told(client, startMs) : undefined;
  const left = await bench.left(startMs);
  const refusedMs = bench.passings.first({ leg: 'back', what: 'RST', isFromRelay: false })?.atMs;
  const synMs = bench.passings.first({ leg: 'back', what: 'SYN', isFromRelay: true })?.atMs;
  const fromMs = refusedMs ?? synMs ?? startMs;
  const syns = bench.passings.all({ leg: 'back', what: 'SYN', isFromRelay: true }).length;
  if (status !== undefined) {
    const word = bench.way === 'connect' ? (`HTTP ${status}` as const) : 'told';
    const says =
      bench.way === 'connect' ? `the client got HTTP ${status}` : `the client got SOCKS reply ${status}`;
    return passed(good('told', says, { status, syns }), word, null, left);
  }
  if (told) {
    const afterMs = Math.max(0, told.atMs - fromMs);
    const since = refusedMs === undefined ? "the relay's first SYN" : 'the refusal';
    const says = `the client got ${told.as}, ${seconds(afterMs)} after ${synMs === undefined ? 'it connected' : since}`;
    return passed(
      good('told', says, { afterMs, syns, rst: told.as === 'RST' ? 1 : 0 }),
      'told',
      afterMs,
      left,
    );
  }
  if (synMs === undefined)
    return passed(
      unknown(
        'not-tried',
        `the relay did not try to connect, and the client learned nothing within ${seconds(bench.withinMs)}`,
      ),
      'not told',
      null,
      left,
    );
  const says = `the client learned nothing within ${seconds(bench.withinMs)}`;
  const trying = (await bench.relayRows('relayServerSide')).find(({ state }) => state === 'SYN-SENT');
  if (!trying) {
    const tried = bench.passings.all({ leg: 'back', what: 'SYN', isFromRelay: true });
    const sinceMs = bench.lab.nowMs() - Math.max(...tried.map(({ atMs }) => atMs));
    const last = `${says}; the relay's last SYN was ${seconds(sinceMs)} ago`;
    const numbers = { syns, sinceSynMs: sinceMs };
    const finding =
      sinceMs < MAY_RETRY_MS
        ? unknown('may-retry', `${last}, and it may try again`, numbers)
        : fault('never-told', last, NEVER_TOLD, numbers);
    return passed(finding, 'not told', null, left);
  }
  const { givesUpMs } = await bench.forecast(trying, 'client', {}, bench.back);
  await client?.close();
  const dropped = await bench.until(async () => {
    await bench.look();
    return (await bench.relayRows('relayServerSide')).every(({ state }) => state !== 'SYN-SENT');
  }, DROPS_WITHIN_MS);
  const end = givesUpMs === null ? '' : `, for about ${roughly(givesUpMs)} more (tcp_syn_retries)`;
  const goesOn = dropped ? '' : '; it goes on after the client has left';
  return passed(
    risk('still-connecting', `${says}: the relay is still in SYN-SENT${end}${goesOn}`, LATE, {
      syns,
      givesUpMs,
      stillConnecting: dropped ? 0 : 1,
    }),
    'not told',
    null,
    left,
  );
}

export const refused: ProxyProbe = {
  id: 'refused',
  by: 'server',
  server: 'absent',
  title: 'the server refuses the connection',
  purpose: 'The server is down, and the client has already connected to the relay: it must be told.',
  restsOnService: true,
  mayWait: true,
  run: whatIsTold,
};

export const unreachable: ProxyProbe = {
  id: 'unreachable',
  by: 'server',
  server: 'dark',
  title: "the server's network drops the relay's SYNs",
  purpose:
    'A host or its network is down, and nobody answers. The client must be told before it loses patience.',
  restsOnService: true,
  mayWait: true,
  run: whatIsTold,
};
