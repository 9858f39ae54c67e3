import type { Connection } from '../src/evidence/connection.ts';
import type { DropEffect } from '../src/evidence/drop-reasons.ts';
import type { HostName } from '../src/evidence/events.ts';
import type { DisposableStack } from '../src/kernel/disposable-stack.ts';
import * as socket from '../src/kernel/socket.ts';
import type { SocketNumber } from '../src/lab/host.ts';
import type { Lab } from '../src/lab/lab.ts';
import { connecting, established, listening, seen } from '../src/scenario/opening.ts';
import { stageOf } from '../src/scenario/reach.ts';
import type { SegmentToEncode } from '../src/tcp/encode.ts';
import type { Family } from '../src/tcp/endpoint.ts';
import { seqDistance, sequenceNumber } from '../src/tcp/sequence.ts';
import type { State } from '../src/tcp/state.ts';
import {
  expectMd5,
  type Faults,
  filterAll,
  foreignRule,
  give,
  MD5_SIGNATURE,
  moved,
  nextSegment,
  OwnListener,
  sentBy,
  setNumber,
  timestamps,
  tool,
  windowEnd,
} from './drop-reasons-hand.ts';

/** How a drop reason of the kernel is caused, and what the segment does to its connection all the same. */
export interface Cause {
  reason: string;
  /** What is done to have it. */
  by: string;
  /** Where it is dropped. */
  at: HostName;
  families: readonly Family[];
  effect: DropEffect;
  /** Gives the segment that the kernel drops. What it defers is done after the test. */
  make(lab: Lab, after: DisposableStack): Promise<Made>;
}

interface Made {
  segment: SegmentToEncode;
  /**
   * The connection, when its server waits for an acknowledgment of OWED bytes that the segment brings: the effect is seen
   * there.
   */
  owing?: Connection;
  /** Which state an end is in by then; null where it is gone. */
  end?: { connection: Connection; host: HostName; state: State | null };
}

export const OWED = 100;

const BOTH = ['ipv4', 'ipv6'] as const;

function at(host: HostName, families: readonly Family[] = ['ipv4']) {
  return { at: host, families };
}

interface Owing {
  connection: Connection;
  clientSocket: SocketNumber;
  serverSocket: SocketNumber;
  next: SegmentToEncode;
}

/** An open connection whose server has sent OWED bytes that the client does not see. `next` is what the client sends next. */
async function owing(lab: Lab, options: { receiveBuffer?: number } = {}): Promise<Owing> {
  const opened = await established(stageOf(lab), options);
  await owe(lab, opened.connection, () => lab.server.send(opened.serverSocket, Buffer.alloc(OWED)));
  return { ...opened, next: nextSegment(lab, opened.connection, 'client') };
}

async function owe(lab: Lab, connection: Connection, send: () => unknown): Promise<void> {
  await lab.client.setRule({ hook: 'in', sourcePort: lab.serverPort, fate: 'drop' });
  await send();
  await lab.waitFor('what the server sends', async () => {
    await lab.observe();
    return sentBy(lab, connection, 'server').some(({ length }) => length === OWED);
  });
}

/** A segment of an open connection, crafted, and never seen by its client's TCP. It brings the acknowledgment. */
function given(
  flags: string,
  by: { seq?: number; ack?: number; length?: number } = {},
  faults: Faults = {},
  prepare: (lab: Lab, owing: Owing) => unknown = () => {},
): Cause['make'] {
  return async (lab) => {
    const opened = await owing(lab);
    await prepare(lab, opened);
    const segment = give(lab, 'client', moved(opened.next, flags, by), faults);
    return { segment, owing: opened.connection };
  };
}

/** The client's own segment on an open connection, after something was done to a host. */
function sent(prepare: (lab: Lab) => unknown): Cause['make'] {
  return async (lab) => {
    const { connection, clientSocket } = await established(stageOf(lab));
    await lab.observe();
    await prepare(lab);
    const segment = moved(nextSegment(lab, connection, 'client'), 'P.', { length: 10 });
    await lab.client.send(clientSocket, Buffer.alloc(10));
    return { segment };
  };
}

/** The client's own SYN. */
function syn(prepare: (lab: Lab, after: DisposableStack) => unknown): Cause['make'] {
  return async (lab, after) => {
    await prepare(lab, after);
    return { segment: await synOf(lab, (await connecting(stageOf(lab))).connection) };
  };
}

async function synOf(lab: Lab, connection: Connection): Promise<SegmentToEncode> {
  return lab.waitFor('the SYN', async () => {
    await lab.observe();
    return sentBy(lab, connection, 'client')[0];
  });
}

/** A crafted SYN to the listener. */
function strangeSyn(
  change: (lab: Lab, syn: SegmentToEncode) => Partial<SegmentToEncode>,
  faults: Faults = {},
  prepare: (lab: Lab, after: DisposableStack) => unknown = (lab) => listening(stageOf(lab)),
): Cause['make'] {
  return async (lab, after) => {
    await prepare(lab, after);
    const source = lab.nextClientEndpoint();
    const plain = {
      source,
      destination: lab.serverEndpoint(),
      seq: 1000,
      ack: null,
      flags: 'S',
      window: 500,
    };
    return { segment: give(lab, 'client', { ...plain, ...change(lab, plain) }, faults) };
  };
}

function ownListener(prepare: (fd: number, lab: Lab) => void) {
  return (lab: Lab, after: DisposableStack): OwnListener => {
    const listener = new OwnListener(lab, (fd) => prepare(fd, lab));
    after.defer(() => listener[Symbol.dispose]());
    return listener;
  };
}

/** A segment for the client in SYN-SENT, whose SYN the server does not see. */
function toSynSent(flags: string, by: { ack?: number } = {}): Cause['make'] {
  return async (lab) => {
    await lab.server.setRule({ hook: 'in', destinationPort: lab.serverPort, fate: 'drop' });
    const { connection } = await connecting(stageOf(lab));
    await synOf(lab, connection);
    const segment = give(lab, 'server', moved(nextSegment(lab, connection, 'server'), flags, by));
    return { segment, end: { connection, host: 'client', state: 'SYN-SENT' } };
  };
}

/** A segment for the server in SYN-RECEIVED, which does not see the client's ACK, nor the client what it retransmits. */
function toSynReceived(
  by: { seq?: number; ack?: number },
  faults: (lab: Lab, connection: Connection) => Faults = () => ({}),
): Cause['make'] {
  return async (lab) => {
    const stage = stageOf(lab);
    await listening(stage);
    const rule = await lab.server.setRule({ hook: 'in', flags: '.', fate: 'drop' });
    const { connection } = await connecting(stage);
    await seen(stage, connection, 'client', 'ESTABLISHED');
    await seen(stage, connection, 'server', 'SYN-RECEIVED');
    await lab.client.setRule({ hook: 'in', sourcePort: lab.serverPort, fate: 'drop' });
    await lab.server.liftRule(rule);
    const segment = moved(nextSegment(lab, connection, 'client'), '.', by);
    give(lab, 'client', segment, faults(lab, connection));
    return { segment, end: { connection, host: 'server', state: 'SYN-RECEIVED' } };
  };
}

/** Fills the receive buffer of the server with single bytes out of order, each so far from what it expects. */
function crowd(lab: Lab, { next }: Owing, distances: readonly number[]): void {
  for (const seq of distances) give(lab, 'client', moved(next, 'P.', { seq, ack: -OWED, length: 1 }));
}

const SMALL = { receiveBuffer: 4096 };
/** With gaps, so that the kernel can't merge them. */
const DISTANCES = Array.from({ length: 30 }, (_, index) => 10 + 2 * index);
const LONG_AGO = -100_000;

function windowMove(lab: Lab, { connection, next }: Owing): number {
  return seqDistance(windowEnd(lab, connection, 'server'), sequenceNumber(next.seq));
}

const packetFilter: Cause[] = [
  {
    reason: 'NETFILTER_DROP',
    by: 'a foreign rule on input',
    ...at('server', BOTH),
    effect: 'unprocessed',
    make: syn((lab) => foreignRule(lab, 'server', 'input', 'tcp dport 80 drop')),
  },
  {
    reason: 'NETFILTER_DROP',
    by: 'a foreign rule before routing',
    ...at('server'),
    effect: 'unprocessed',
    make: given('F.', {}, {}, (lab) => foreignRule(lab, 'server', 'prerouting', 'tcp dport 80 drop')),
  },
  {
    reason: 'NETFILTER_DROP',
    by: 'a foreign rule on output',
    ...at('client', BOTH),
    effect: 'unprocessed',
    make: sent((lab) => foreignRule(lab, 'client', 'output', 'tcp dport 80 drop')),
  },
  {
    reason: 'NETFILTER_DROP',
    by: 'a foreign rule of the interface',
    ...at('server'),
    effect: 'unprocessed',
    make: given('F.', {}, {}, (lab) => foreignRule(lab, 'server', 'ingress', 'tcp dport 80 drop')),
  },
];

const waysOut: Cause[] = [
  {
    reason: 'QDISC_DROP',
    by: 'a queue for no packet',
    ...at('client'),
    effect: 'unprocessed',
    make: sent((lab) => tool(lab, 'client', 'tc qdisc add dev eth0 root pfifo limit 0')),
  },
  {
    reason: 'NEIGH_FAILED',
    by: 'a neighbor that may not be searched for',
    ...at('client'),
    effect: 'unprocessed',
    make: sent(async (lab) => {
      for (const kind of ['ucast', 'mcast', 'app'])
        await lab.client.writeSysctl(`net.ipv4.neigh.eth0.${kind}_solicit`, 0);
      tool(lab, 'client', `ip neigh del ${lab.server.address} dev eth0`);
    }),
  },
  {
    reason: 'NEIGH_QUEUEFULL',
    by: 'a second segment while the neighbor is searched for',
    ...at('client'),
    effect: 'unprocessed',
    make: async (lab, after) => {
      const made = await sent(async () => {
        tool(lab, 'server', 'ip link set eth0 arp off');
        await lab.client.writeSysctl('net.ipv4.neigh.eth0.unres_qlen_bytes', 1);
        tool(lab, 'client', `ip neigh del ${lab.server.address} dev eth0`);
      })(lab, after);
      await connecting(stageOf(lab));
      return made;
    },
  },
];

const internet: Cause[] = [
  {
    reason: 'IP_CSUM',
    by: 'a wrong IP checksum',
    ...at('server'),
    effect: 'unprocessed',
    make: given('F.', {}, { wrong: 'IP checksum' }),
  },
  {
    reason: 'IP_INHDR',
    by: 'an invalid option of IP',
    ...at('server'),
    effect: 'unprocessed',
    // A record of the route that is longer than the header.
    make: given('F.', {}, { ipOptions: Buffer.from([7, 99, 1, 1]) }),
  },
  {
    reason: 'PKT_TOO_SMALL',
    by: 'a packet that is cut',
    ...at('server', BOTH),
    effect: 'unprocessed',
    make: given('F.', { length: 100 }, { cutAt: 100 }),
  },
  {
    reason: 'DUP_FRAG',
    by: 'the same fragment twice',
    ...at('server'),
    effect: 'unprocessed',
    // A fragment that others follow holds a multiple of eight bytes.
    make: given('F.', { length: 20 }, { isFragment: true }, (lab, { next }) =>
      give(lab, 'client', moved(next, 'F.', { length: 20 }), { isFragment: true }),
    ),
  },
  {
    reason: 'OTHERHOST',
    by: "a frame with another host's address",
    ...at('server', BOTH),
    effect: 'unprocessed',
    make: given('F.', {}, { linkAddress: Uint8Array.of(2, 0, 0, 0, 9, 9) }),
  },
  {
    reason: 'UNICAST_IN_L2_MULTICAST',
    by: 'a broadcast frame',
    ...at('server'),
    effect: 'unprocessed',
    make: given('F.', {}, { linkAddress: Buffer.alloc(6, 0xff) }, (lab) =>
      lab.server.writeSysctl('net.ipv4.conf.all.drop_unicast_in_l2_multicast', 1),
    ),
  },
  {
    reason: 'IP_RPFILTER',
    by: 'a source that is not routed there',
    ...at('server'),
    effect: 'unprocessed',
    make: strangeSyn(
      (_, { source }) => ({ source: { ...source, address: '10.9.9.9' } }),
      {},
      (lab) => lab.server.writeSysctl('net.ipv4.conf.all.rp_filter', 1),
    ),
  },
  {
    reason: 'IP_INVALID_SOURCE',
    by: 'a multicast source',
    ...at('server'),
    effect: 'unprocessed',
    make: strangeSyn((_, { source }) => ({ source: { ...source, address: '224.0.0.1' } })),
  },
  {
    reason: 'IP_LOCALNET',
    by: 'a loopback source',
    ...at('server'),
    effect: 'unprocessed',
    make: strangeSyn((_, { source }) => ({ source: { ...source, address: '127.0.0.1' } })),
  },
  {
    reason: 'IP_INVALID_DEST',
    by: 'destination 0.0.0.0',
    ...at('server'),
    effect: 'unprocessed',
    make: strangeSyn((_, { destination }) => ({ destination: { ...destination, address: '0.0.0.0' } })),
  },
  {
    reason: 'IP_INADDRERRORS',
    by: 'an address that the host has no longer',
    ...at('server'),
    effect: 'unprocessed',
    make: given('F.', {}, {}, (lab) => tool(lab, 'server', `ip addr del ${lab.server.address}/24 dev eth0`)),
  },
  {
    reason: 'IP_INNOROUTES',
    by: 'an address that the host has no longer',
    ...at('server', ['ipv6']),
    effect: 'unprocessed',
    make: given('F.', {}, {}, (lab) => tool(lab, 'server', `ip addr del ${lab.server.address}/64 dev eth0`)),
  },
  {
    reason: 'IPV6DISABLED',
    by: 'IPv6 turned off',
    ...at('server', ['ipv6']),
    effect: 'unprocessed',
    make: given('F.', {}, {}, (lab) => lab.server.writeSysctl('net.ipv6.conf.eth0.disable_ipv6', 1)),
  },
];

const toItsSocket: Cause[] = [
  {
    reason: 'NO_SOCKET',
    by: 'a SYN without a listener',
    ...at('server', BOTH),
    effect: 'met CLOSED',
    make: syn(() => {}),
  },
  {
    reason: 'TCP_CSUM',
    by: 'a wrong TCP checksum',
    ...at('server', BOTH),
    effect: 'unprocessed',
    make: given('F.', { length: 10 }, { wrong: 'TCP checksum' }),
  },
  {
    reason: 'XFRM_POLICY',
    by: 'an IPsec policy',
    ...at('server'),
    effect: 'unprocessed',
    make: given('F.', {}, {}, (lab) => {
      const between = `src ${lab.client.address}/32 dst ${lab.server.address}/32`;
      tool(lab, 'server', `ip xfrm policy add ${between} dir in action block`);
    }),
  },
  {
    reason: 'TCP_MINTTL',
    by: 'IP_MINTTL',
    ...at('server'),
    effect: 'unprocessed',
    make: syn(ownListener((fd) => setNumber(fd, 0, 21, 255))),
  },
  {
    reason: 'TCP_MINTTL',
    by: 'IPV6_MINHOPCOUNT',
    ...at('server', ['ipv6']),
    effect: 'unprocessed',
    make: syn(ownListener((fd) => setNumber(fd, 41, 73, 255))),
  },
  {
    reason: 'SOCKET_FILTER',
    by: 'SO_ATTACH_FILTER',
    ...at('server', BOTH),
    effect: 'unprocessed',
    make: syn(ownListener((fd) => filterAll(fd))),
  },
  {
    reason: 'TCP_MD5NOTFOUND',
    by: 'a SYN without the signature that the listener expects',
    ...at('server', BOTH),
    effect: 'unprocessed',
    make: syn(ownListener((fd, lab) => expectMd5(fd, lab.client.address))),
  },
  {
    reason: 'TCP_MD5FAILURE',
    by: 'a SYN with a wrong signature',
    ...at('server'),
    effect: 'unprocessed',
    make: strangeSyn(
      () => ({}),
      { options: MD5_SIGNATURE },
      ownListener((fd, lab) => expectMd5(fd, lab.client.address)),
    ),
  },
  {
    reason: 'TCP_MD5UNEXPECTED',
    by: 'a signature that nobody expects',
    ...at('server'),
    effect: 'unprocessed',
    make: given('F.', {}, { options: MD5_SIGNATURE }),
  },
  {
    reason: 'TCP_AUTH_HDR',
    by: 'a signature that is too short',
    ...at('server'),
    effect: 'unprocessed',
    make: given('F.', {}, { options: Buffer.from([19, 17, ...Buffer.alloc(15), 1, 1, 1]) }),
  },
];

const refused: Cause[] = [
  {
    reason: 'TCP_OLD_SEQUENCE',
    by: 'data from long before',
    ...at('server'),
    effect: 'unprocessed',
    make: given('P.', { length: 10 }, {}, async (lab, { connection, clientSocket, next }) => {
      await lab.client.send(clientSocket, Buffer.alloc(3000));
      await lab.waitFor('its acknowledgment', async () => {
        await lab.observe();
        const [last] = sentBy(lab, connection, 'server').slice(-1);
        return last?.ack != null && seqDistance(last.ack, sequenceNumber(next.seq)) === 3000;
      });
    }),
  },
  {
    reason: 'TCP_INVALID_SEQUENCE',
    by: 'a FIN far beyond the window',
    ...at('server', BOTH),
    effect: 'unprocessed',
    make: given('F.', { seq: 1_000_000 }),
  },
  {
    reason: 'TCP_INVALID_END_SEQUENCE',
    by: 'data across the end of the window while other data is unread',
    ...at('server'),
    effect: 'unprocessed',
    make: async (lab) => {
      const opened = await owing(lab);
      await lab.client.send(opened.clientSocket, Buffer.alloc(10));
      await lab.waitFor('data to read', async () =>
        (await lab.observe()).server.some(
          ({ receiveQueue, state }) => state !== 'LISTEN' && receiveQueue === 10,
        ),
      );
      const segment = moved(opened.next, 'FP.', { seq: windowMove(lab, opened) - 500, length: 1000 });
      return { segment: give(lab, 'client', segment), owing: opened.connection };
    },
  },
  {
    reason: 'TCP_RFC7323_PAWS',
    by: 'a FIN with an old timestamp',
    ...at('server', BOTH),
    effect: 'unprocessed',
    make: async (lab) => {
      const { connection, next } = await owing(lab);
      const options = timestamps(lab, connection, 'client', { own: LONG_AGO });
      return { segment: give(lab, 'client', moved(next, 'F.'), { options }), owing: connection };
    },
  },
  {
    reason: 'TCP_RFC7323_PAWS_ACK',
    by: 'an ACK from before with an old timestamp',
    ...at('server'),
    effect: 'unprocessed',
    make: async (lab) => {
      const { connection, next } = await owing(lab);
      const options = timestamps(lab, connection, 'client', { own: LONG_AGO });
      return { segment: give(lab, 'client', moved(next, '.', { seq: -1 }), { options }), owing: connection };
    },
  },
  {
    reason: 'TCP_RFC7323_TSECR',
    by: 'a final ACK that echoes what was never sent',
    ...at('server'),
    effect: 'unprocessed',
    make: toSynReceived({}, (lab, connection) => ({
      options: timestamps(lab, connection, 'client', { echo: 100_000 }),
    })),
  },
  {
    reason: 'TCP_RFC7323_TW_PAWS',
    by: 'a segment with an old timestamp in TIME-WAIT',
    ...at('server'),
    effect: 'unprocessed',
    make: async (lab) => {
      const stage = stageOf(lab);
      const { connection, clientSocket, serverSocket } = await established(stage);
      await lab.server.close(serverSocket);
      await seen(stage, connection, 'client', 'CLOSE-WAIT');
      await lab.client.close(clientSocket);
      await seen(stage, connection, 'server', 'TIME-WAIT');
      // It is answered, and the RST in return would end TIME-WAIT.
      await lab.client.setRule({ hook: 'in', sourcePort: lab.serverPort, fate: 'drop' });
      const options = timestamps(lab, connection, 'client', { own: LONG_AGO });
      const segment = moved(nextSegment(lab, connection, 'client'), 'P.', { length: 10 });
      give(lab, 'client', segment, { options });
      return { segment, end: { connection, host: 'server', state: 'TIME-WAIT' } };
    },
  },
  {
    reason: 'TCP_FLAGS',
    by: 'a segment without ACK',
    ...at('server'),
    effect: 'unprocessed',
    make: given('F'),
  },
  {
    reason: 'TCP_FLAGS',
    by: 'SYN and FIN to a listener',
    ...at('server'),
    effect: 'processed',
    make: strangeSyn(() => ({ flags: 'FS' })),
  },
  {
    reason: 'TCP_FLAGS',
    by: 'an ACK without SYN in SYN-SENT',
    ...at('client'),
    effect: 'unprocessed',
    make: toSynSent('.'),
  },
  {
    reason: 'TCP_INVALID_ACK_SEQUENCE',
    by: 'a SYN-ACK of another SYN',
    ...at('client', BOTH),
    effect: 'unprocessed',
    make: toSynSent('S.', { ack: 5 }),
  },
  {
    reason: 'TCP_RESET',
    by: 'an RST without ACK in SYN-SENT',
    ...at('client'),
    effect: 'unprocessed',
    make: toSynSent('R'),
  },
  {
    reason: 'TCP_RESET',
    by: 'an RST inside the window, but not at its beginning',
    ...at('server', BOTH),
    effect: 'unprocessed',
    make: given('R.', { seq: 100 }),
  },
  {
    reason: 'TCP_INVALID_SYN',
    by: 'a SYN or SYN-ACK in a connection',
    ...at('server'),
    effect: 'unprocessed',
    make: given('S.'),
  },
  {
    reason: 'TCP_ACK_UNSENT_DATA',
    by: 'a FIN that acknowledges what was never sent',
    ...at('server'),
    effect: 'unprocessed',
    make: given('F.', { ack: 1 }),
  },
  {
    reason: 'TCP_TOO_OLD_ACK',
    by: 'a FIN with an ACK number from long before',
    ...at('server'),
    effect: 'unprocessed',
    make: given('F.', { ack: -1_000_000 }),
  },
  {
    reason: 'TCP_OVERWINDOW',
    by: 'a final ACK beyond the window',
    ...at('server'),
    effect: 'unprocessed',
    make: toSynReceived({ seq: 200_000 }),
  },
  {
    reason: 'TCP_LISTEN_OVERFLOW',
    by: 'a final ACK while the accept queue is full',
    ...at('server'),
    effect: 'unprocessed',
    make: async (lab) => {
      const stage = stageOf(lab);
      const listener = await listening(stage);
      const rule = await lab.server.setRule({ hook: 'in', flags: '.', fate: 'drop' });
      const { connection } = await connecting(stage);
      await seen(stage, connection, 'client', 'ESTABLISHED');
      await lab.client.setRule({ hook: 'in', destinationPort: connection.client.port, fate: 'drop' });
      await lab.server.liftRule(rule);
      await seen(stage, (await connecting(stage)).connection, 'server', 'ESTABLISHED');
      // The queue holds one more than the backlog.
      await lab.server.listen(listener, 0);
      const segment = give(lab, 'client', nextSegment(lab, connection, 'client'));
      return { segment, end: { connection, host: 'server', state: 'SYN-RECEIVED' } };
    },
  },
];

const acknowledged: Cause[] = [
  {
    reason: 'TCP_OVERWINDOW',
    by: 'data and a FIN at the end of the window',
    ...at('server', BOTH),
    effect: 'acknowledgment only',
    make: async (lab) => {
      const opened = await owing(lab);
      const segment = moved(opened.next, 'FP.', { seq: windowMove(lab, opened), length: 10 });
      return { segment: give(lab, 'client', segment), owing: opened.connection };
    },
  },
  {
    reason: 'TCP_ZEROWINDOW',
    by: 'data and a FIN into a window of zero, with nothing to read',
    ...at('server'),
    effect: 'acknowledgment only',
    make: async (lab, after) => {
      const listener = ownListener((fd) => socket.setOption(fd, 'SO_RCVBUF', 8192))(lab, after);
      const { connection, clientSocket } = await connecting(stageOf(lab));
      const fd = await listener.accept();
      // Then what is read does not open the window (net/ipv4/tcp.c, __tcp_cleanup_rbuf).
      socket.shutdown(fd, 'read');
      await lab.waitFor('a zero window', async () => {
        await lab.client.send(clientSocket, Buffer.alloc(1000));
        await lab.observe();
        return sentBy(lab, connection, 'server').at(-1)?.window === 0;
      });
      await lab.client.setRule({ hook: 'out', destinationPort: lab.serverPort, fate: 'drop' });
      await owe(lab, connection, () => socket.send(fd, Buffer.alloc(OWED)));
      while (socket.receive(fd)?.length);
      const segment = moved(nextSegment(lab, connection, 'client'), 'FP.', { length: 10 });
      return { segment: give(lab, 'client', segment), owing: connection };
    },
  },
  {
    reason: 'PROTO_MEM',
    by: 'data and a FIN that the receive buffer has no space for',
    ...at('server'),
    effect: 'acknowledgment only',
    make: async (lab) => {
      const opened = await owing(lab, SMALL);
      crowd(lab, opened, DISTANCES);
      const segment = moved(opened.next, 'FP.', { seq: 200, length: 1 });
      return { segment: give(lab, 'client', segment), owing: opened.connection };
    },
  },
  {
    reason: 'TCP_OFO_QUEUE_PRUNE',
    by: 'data and a FIN out of order, while what comes before them needs the buffer',
    ...at('server'),
    effect: 'acknowledgment only',
    make: async (lab) => {
      const opened = await owing(lab, SMALL);
      const segment = give(lab, 'client', moved(opened.next, 'FP.', { seq: 200, length: 1 }));
      crowd(lab, opened, DISTANCES.toReversed());
      return { segment, owing: opened.connection };
    },
  },
];

const processed: Cause[] = [
  {
    reason: 'TCP_OLD_DATA',
    by: 'data that was received already',
    ...at('server', BOTH),
    effect: 'processed',
    make: given('P.', { length: 10 }, {}, async (lab, { clientSocket }) => {
      await lab.client.send(clientSocket, Buffer.alloc(10));
      await lab.waitFor('data to read', async () =>
        (await lab.observe()).server.some(
          ({ receiveQueue, state }) => state !== 'LISTEN' && receiveQueue === 10,
        ),
      );
    }),
  },
  {
    reason: 'TCP_OFOMERGE',
    by: 'data out of order that waits already',
    ...at('server'),
    effect: 'processed',
    make: given('P.', { seq: 100, length: 10 }, {}, (lab, { next }) =>
      give(lab, 'client', moved(next, 'P.', { seq: 100, length: 10, ack: -OWED })),
    ),
  },
  {
    reason: 'TCP_OFO_DROP',
    by: 'data out of order that comes again in order',
    ...at('server'),
    effect: 'processed',
    make: async (lab) => {
      const { connection, next } = await owing(lab);
      const segment = give(lab, 'client', moved(next, 'P.', { seq: 100, length: 10 }));
      give(lab, 'client', moved(next, 'P.', { length: 150, ack: -OWED }));
      return { segment, owing: connection };
    },
  },
  {
    reason: 'TCP_ABORT_ON_DATA',
    by: 'data for a socket that is closed',
    ...at('server', BOTH),
    effect: 'processed',
    make: async (lab) => {
      const stage = stageOf(lab);
      const { connection, clientSocket, serverSocket } = await established(stage);
      // With a longer one than TIME-WAIT lasts, the kernel keeps the whole socket.
      await lab.server.writeSysctl('net.ipv4.tcp_fin_timeout', 61);
      await lab.server.close(serverSocket);
      await seen(stage, connection, 'server', 'FIN-WAIT-2');
      const segment = moved(nextSegment(lab, connection, 'client'), 'P.', { length: 10 });
      await lab.client.send(clientSocket, Buffer.alloc(10));
      return { segment, end: { connection, host: 'server', state: null } };
    },
  },
  {
    reason: 'QUEUE_PURGE',
    by: 'a FIN that takes a closed socket from FIN-WAIT-1 to TIME-WAIT',
    ...at('server', BOTH),
    effect: 'processed',
    make: async (lab) => {
      const stage = stageOf(lab);
      const { connection, serverSocket } = await established(stage);
      await lab.client.setRule({ hook: 'in', sourcePort: lab.serverPort, fate: 'drop' });
      await lab.server.close(serverSocket);
      await seen(stage, connection, 'server', 'FIN-WAIT-1');
      const segment = give(lab, 'client', moved(nextSegment(lab, connection, 'client'), 'F.'));
      return { segment, end: { connection, host: 'server', state: 'TIME-WAIT' } };
    },
  },
  ...(['R', 'S'] as const).map(
    (flags): Cause => ({
      reason: 'TCP_FASTOPEN',
      by: flags === 'R' ? 'an RST in SYN-RECEIVED' : 'the SYN once more',
      ...at('server'),
      effect: flags === 'R' ? 'processed' : 'unprocessed',
      make: async (lab) => {
        const stage = stageOf(lab);
        // For clients and servers, without a cookie, of all listeners (ip-sysctl).
        await lab.server.writeSysctl('net.ipv4.tcp_fastopen', 0x1 | 0x2 | 0x200 | 0x400);
        await lab.client.setRule({ hook: 'in', sourcePort: lab.serverPort, fate: 'drop' });
        await listening(stage);
        const connection = { client: lab.nextClientEndpoint(), server: lab.serverEndpoint() };
        const { client: source, server: destination } = connection;
        const FAST_OPEN = { options: Buffer.from([34, 2, 1, 1]) };
        const syn = { source, destination, seq: 1000, ack: null, flags: 'S', window: 500 };
        const first = give(lab, 'client', { ...syn, payload: Buffer.alloc(10) }, FAST_OPEN);
        await seen(stage, connection, 'server', 'SYN-RECEIVED');
        const segment = flags === 'S' ? give(lab, 'client', first, FAST_OPEN) : moved(syn, 'R', { seq: 11 });
        if (flags === 'R') give(lab, 'client', segment);
        return { segment, end: { connection, host: 'server', state: flags === 'R' ? null : 'SYN-RECEIVED' } };
      },
    }),
  ),
];

export const CAUSES: readonly Cause[] = [
  ...packetFilter,
  ...waysOut,
  ...internet,
  ...toItsSocket,
  ...refused,
  ...acknowledged,
  ...processed,
];
