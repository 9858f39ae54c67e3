import { connecting, listening, seen } from '../opening.ts';
import { failure } from '../refusal.ts';
import type { Scenario } from '../scenario.ts';
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
});

/** The start, with a sysctl that was set to 1 before, so that the kernel soon gives up. */
const soon = (sysctl: string, start: Start): Start => ({
  ...start,
  async reach(stage) {
    await stage[start.host].writeSysctl(sysctl, 1);
    return start.reach(stage);
  },
});
const ORPHAN_RETRIES = 'net.ipv4.tcp_orphan_retries';
/** The kernel then gives up at the first retransmission after 600 ms (tcp_timer.c, tcp_model_timeout). */
const RETRIES = 'net.ipv4.tcp_retries2';

export const TIMED_OUT: readonly Scenario[] = [
  timedOut(10, synSent, {
    title: "a firewall drops a client's SYNs until it gives up",
    async reach(stage) {
      await stage.client.writeSysctl('net.ipv4.tcp_syn_retries', 1);
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
  endOfRequest('timed-out', 15, 'the ACK of a SYN-ACK never arrives, and the server gives up', ({ server }) =>
    server.writeSysctl('net.ipv4.tcp_synack_retries', 0),
  ),
  timedOut(21, open, {
    title: "the server never acknowledges a client's data, and the client gives up",
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
  timedOut(28, soon(ORPHAN_RETRIES, orphaned(finWait1)), {
    title: "a client's FINs are lost until its kernel gives up",
  }),
  timedOut(31, soon('net.ipv4.tcp_fin_timeout', orphaned(finWait2)), {
    title: "a client has closed, the server never does, and the client's kernel gives up",
    heldBy: 'the server never closes',
  }),
  // The server only shuts down: an orphan of its own would give up too.
  timedOut(34, soon(ORPHAN_RETRIES, orphaned(closing)), {
    title: "both ends close, and the client's FINs are lost until its kernel gives up",
  }),
  timedOut(68, soon(RETRIES, sending(closeWait)), {
    title: 'the client never acknowledges what the server sends in CLOSE-WAIT',
    heldBy: 'client drops in',
  }),
  timedOut(40, soon(ORPHAN_RETRIES, orphaned(lastAck)), {
    title: 'the server closes second, and its FINs are lost until its kernel gives up',
    heldBy: 'client drops in',
  }),
  // Always 60 s: no sysctl shortens it.
  timedOut(41, timeWait, {
    title: 'TIME-WAIT ends after 60 s',
    id: 'time-wait-ended',
    heldBy: 'the connection has ended',
    slow: true,
  }),
];
