import { synFrom } from '../crafted.ts';
import { connecting, listening, seen } from '../opening.ts';
import { failure } from '../refusal.ts';
import type { Scenario } from '../scenario.ts';
import { family } from './family.ts';
import {
  closeWait,
  closing,
  deafen,
  finWait1,
  finWait2,
  lastAck,
  open,
  pendingRequest,
  sending,
  synSent,
  timeWait,
} from './start.ts';

/** The kernel gives up an end without a descriptor, as soon as the sysctl lets it. */
const orphanTimedOut = (sysctl: string) =>
  family({
    name: 'timed-out',
    heldBy: 'server drops in',
    async end(stage, { connection, socket }, host) {
      await stage[host].writeSysctl(sysctl, 1);
      await stage[host].close(socket);
      await seen(stage, connection, host, 'CLOSED');
    },
    isSilent: () => true,
  });
const finTimedOut = orphanTimedOut('net.ipv4.tcp_orphan_retries');

/** With tcp_retries2 = 1 the kernel gives up at the first retransmission after 600 ms (tcp_timer.c, tcp_model_timeout). */
const RETRIES = 'net.ipv4.tcp_retries2';

export const TIMED_OUT: readonly Scenario[] = [
  {
    id: 'syn-sent-timed-out',
    title: "a firewall drops a client's SYNs until it gives up",
    held: { host: 'client', state: 'CLOSED' },
    peer: synSent.peer,
    heldBy: 'server drops in',
    arcs: { client: [10] },
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
    show: synFrom('server'),
  },
  {
    id: 'syn-received-timed-out',
    title: 'the ACK of a SYN-ACK never arrives, and the server gives up',
    held: { host: 'server', state: 'LISTEN' },
    peer: 'CLOSED',
    heldBy: 'the server listens',
    arcs: { server: [15] },
    async reach(stage) {
      await stage.server.writeSysctl('net.ipv4.tcp_synack_retries', 0);
      const { serverPort: destinationPort } = stage;
      const rule = await stage.client.setRule({ hook: 'out', destinationPort, flags: 'R', fate: 'drop' });
      const connection = await pendingRequest(stage);
      await seen(stage, connection, 'server', 'LISTEN');
      await stage.client.liftRule(rule);
      return connection;
    },
    /** A SYN-ACK for another SYN shows that nothing is left of the first handshake. */
    show: synFrom('client'),
  },
  {
    id: 'established-timed-out',
    title: "the server never acknowledges a client's data, and the client gives up",
    held: { host: 'client', state: 'CLOSED' },
    peer: 'ESTABLISHED',
    heldBy: 'server drops in',
    arcs: { client: [21] },
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
    show: synFrom('server'),
  },
  finTimedOut(28, finWait1, { title: "a client's FINs are lost until its kernel gives up" }),
  orphanTimedOut('net.ipv4.tcp_fin_timeout')(31, finWait2, {
    title: "a client has closed, the server never does, and the client's kernel gives up",
    heldBy: 'the server never closes',
  }),
  // The server only shuts down: an orphan of its own would give up too.
  finTimedOut(34, closing, {
    title: "both ends close, and the client's FINs are lost until its kernel gives up",
  }),
  {
    id: 'close-wait-timed-out',
    title: 'the client never acknowledges what the server sends in CLOSE-WAIT',
    held: { host: 'server', state: 'CLOSED' },
    peer: 'FIN-WAIT-2',
    heldBy: 'client drops in',
    arcs: { server: [68] },
    async reach(stage) {
      await stage.server.writeSysctl(RETRIES, 1);
      const { connection } = await sending(closeWait).reach(stage);
      await seen(stage, connection, 'server', 'CLOSED');
      return connection;
    },
    show: synFrom('client'),
  },
  finTimedOut(40, lastAck, {
    title: 'the server closes second, and its FINs are lost until its kernel gives up',
    heldBy: 'client drops in',
  }),
  {
    // 60 s, whatever the sysctls say: it has to be waited out.
    id: 'time-wait-ended',
    title: 'TIME-WAIT ends after 60 s',
    held: { host: 'client', state: 'CLOSED' },
    peer: 'CLOSED',
    heldBy: 'the connection has ended',
    arcs: { client: [41] },
    slow: true,
    async reach(stage) {
      const { connection } = await timeWait.reach(stage);
      await seen(stage, connection, 'client', 'CLOSED');
      return connection;
    },
    show: synFrom('server'),
  },
];
