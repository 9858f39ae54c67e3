import { connecting, listening, seen } from '../opening.ts';
import { failure } from '../refusal.ts';
import type { ArcScenario } from '../scenario.ts';
import { endOfRequest, family } from './family.ts';
import {
  closeWait,
  closing,
  deafen,
  finWait1,
  finWait2,
  lastAck,
  open,
  orphaned,
  type Start,
  sending,
  synSent,
  timeWait,
} from './start.ts';

const timedOut = family({
  name: 'timed-out',
  heldBy: 'server drops in',
  end: (stage, { connection }, host) => seen(stage, connection, host, 'CLOSED'),
  isSilent: () => true,
  withheld: (host) => ({ host, call: 'writeSysctl' }),
});

/** Of a start with a sysctl that is set to 1 before, so that the kernel soon gives up: within so many milliseconds. */
function timedOutSoon(
  arc: number,
  sysctl: string,
  withinMs: number,
  start: Start,
  about: About,
): ArcScenario {
  const soon: Start = {
    ...start,
    async reach(stage) {
      await stage[start.host].writeSysctl(sysctl, 1);
      return start.reach(stage);
    },
  };
  return timedOut(arc, soon, { ...about, withheld: { of: sysctl, withinMs } });
}
type About = { title: string; heldBy?: string };
const SYN_RETRIES = 'net.ipv4.tcp_syn_retries';
const ORPHAN_RETRIES = 'net.ipv4.tcp_orphan_retries';
/** An orphan's FIN is in vain after 1.7 s. */
const ORPHAN_MS = 2500;
/** The kernel then gives up at the first retransmission after 600 ms (tcp_timer.c, tcp_model_timeout). */
const RETRIES = 'net.ipv4.tcp_retries2';

export const TIMED_OUT: readonly ArcScenario[] = [
  timedOut(10, synSent, {
    title: "a firewall drops a client's SYNs until it gives up",
    withheld: { of: SYN_RETRIES, withinMs: 3600 },
    async reach(stage) {
      await stage.client.writeSysctl(SYN_RETRIES, 1);
      // Linux 6.5 and later retransmit that many times more, each after a second.
      const linear = 'net.ipv4.tcp_syn_linear_timeouts';
      if ((await stage.client.readSysctl(linear)) !== undefined) await stage.client.writeSysctl(linear, 0);
      await listening(stage);
      await deafen(stage, 'server');
      const startMs = stage.nowMs();
      const { connection, clientSocket } = await connecting(stage);
      await stage.observe();
      await failure(stage, clientSocket, 'no answer', startMs);
      return connection;
    },
  }),
  endOfRequest(
    'timed-out',
    15,
    'the ACK of a SYN-ACK never arrives, and the server gives up',
    { host: 'server', call: 'writeSysctl', withinMs: 1800 },
    ({ server }) => server.writeSysctl('net.ipv4.tcp_synack_retries', 0),
  ),
  timedOut(21, open, {
    title: "the server never acknowledges a client's data, and the client gives up",
    withheld: { of: RETRIES, withinMs: 1500 },
    async reach(stage) {
      await stage.client.writeSysctl(RETRIES, 1);
      const { connection, socket } = await open.reach(stage);
      await deafen(stage, 'server');
      const startMs = stage.nowMs();
      await stage.client.send(socket, Buffer.from('ping'));
      await stage.observe();
      await failure(stage, socket, 'no acknowledgment', startMs);
      return connection;
    },
  }),
  timedOutSoon(28, ORPHAN_RETRIES, ORPHAN_MS, orphaned(finWait1), {
    title: "a client's FINs are lost until its kernel gives up",
  }),
  timedOutSoon(31, 'net.ipv4.tcp_fin_timeout', 1800, orphaned(finWait2), {
    title: "a client has closed, the server never does, and the client's kernel gives up",
    heldBy: 'the server never closes',
  }),
  // The server only shuts down: an orphan of its own would give up too.
  timedOutSoon(34, ORPHAN_RETRIES, ORPHAN_MS, orphaned(closing), {
    title: "both ends close, and the client's FINs are lost until its kernel gives up",
  }),
  timedOutSoon(68, RETRIES, 1500, sending(closeWait), {
    title: 'the client never acknowledges what the server sends in CLOSE-WAIT',
    heldBy: 'client drops in',
  }),
  timedOutSoon(40, ORPHAN_RETRIES, ORPHAN_MS, orphaned(lastAck), {
    title: 'the server closes second, and its FINs are lost until its kernel gives up',
    heldBy: 'client drops in',
  }),
  // Always 60 s: no sysctl shortens it.
  timedOut(41, timeWait, {
    title: 'TIME-WAIT ends after 60 s',
    id: 'time-wait-ended',
    heldBy: 'the connection has ended',
    slow: true,
    withheld: null,
  }),
];
