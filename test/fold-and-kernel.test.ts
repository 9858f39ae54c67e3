import { describe, expect, it } from 'vitest';
import { type Connection, endOf } from '../src/evidence/connection.ts';
import type { HostName } from '../src/evidence/events.ts';
import { packetFoldOf } from '../src/evidence/segments.ts';
import { packets } from '../src/evidence/witness/packets.ts';
import { rowOf, stateInTable } from '../src/evidence/witness/socket-table.ts';
import type { Host } from '../src/lab/host.ts';
import { Lab } from '../src/lab/lab.ts';
import type { State } from '../src/tcp/state.ts';

/** What only a set of states can tell, or what other sources tell of: the packets witness beside the kernel's own table. */

/** Beside many other tests, Python takes seconds to start. */
const PATIENCE_MS = 20_000;

type SocketNumber = Awaited<ReturnType<Host['openSocket']>>;

async function listening(lab: Lab, receiveBuffer?: number): Promise<SocketNumber> {
  const listener = await lab.server.openSocket();
  if (receiveBuffer !== undefined) await lab.server.setOption(listener, 'SO_RCVBUF', receiveBuffer);
  await lab.server.bind(listener, lab.serverEndpoint());
  await lab.server.listen(listener, 5);
  return listener;
}

async function connecting(lab: Lab): Promise<{ connection: Connection; socket: SocketNumber }> {
  const connection = { client: lab.nextClientEndpoint(), server: lab.serverEndpoint() };
  const socket = await lab.client.openSocket();
  // So that a later socket may have the same port.
  await lab.client.setOption(socket, 'SO_REUSEADDR', 1);
  await lab.client.bind(socket, connection.client);
  await lab.client.connect(socket, connection.server);
  return { connection, socket };
}

async function inTable(lab: Lab, connection: Connection, host: HostName, state: State): Promise<void> {
  const end = endOf(connection, host, 'CLOSED');
  await lab.waitFor(`${host} in ${state}`, async () => {
    const rows = (await lab.observe())[host];
    return stateInTable(rows, end) === state;
  });
}

function told(lab: Lab, connection: Connection, host: HostName): readonly State[] {
  return packets.follow(lab.timeline, endOf(connection, host, 'CLOSED')).at(-1)?.states ?? [];
}

describe('the packets witness', () => {
  it('says FIN-WAIT-1 after a close() whose FIN waits behind data', async () => {
    await using lab = await Lab.open();
    await listening(lab, 4096);
    const { connection, socket } = await connecting(lab);
    await inTable(lab, connection, 'server', 'ESTABLISHED');
    await lab.client.send(socket, Buffer.alloc(4_000_000));
    await lab.observe();
    expect(told(lab, connection, 'client')).toEqual(['ESTABLISHED']);
    await lab.client.close(socket);
    await inTable(lab, connection, 'client', 'FIN-WAIT-1');
    const { finSent } = packetFoldOf(lab.timeline, connection, 'client').end;
    expect([told(lab, connection, 'client'), finSent]).toEqual([['FIN-WAIT-1'], null]);
  });

  it.each<[number, State]>([
    [0, 'CLOSED'],
    [1, 'TIME-WAIT'],
  ])('says of an RST in TIME-WAIT with tcp_rfc1337 = %i: %s', async (rfc1337, state) => {
    await using lab = await Lab.open();
    await lab.client.writeSysctl('net.ipv4.tcp_rfc1337', rfc1337);
    const listener = await listening(lab);
    const { connection, socket } = await connecting(lab);
    await inTable(lab, connection, 'server', 'ESTABLISHED');
    const accepted = (await lab.server.accept(listener)) as SocketNumber;
    await lab.client.close(socket);
    await inTable(lab, connection, 'server', 'CLOSE-WAIT');
    await lab.server.close(accepted);
    await inTable(lab, connection, 'client', 'TIME-WAIT');
    const { finReceived } = packetFoldOf(lab.timeline, connection, 'client').end;
    await lab.server.sendSegment({
      source: connection.server,
      destination: connection.client,
      seq: ((finReceived as number) + 1) >>> 0,
      ack: null,
      flags: 'R',
      window: 0,
    });
    await lab.waitFor('the RST to arrive', async () => {
      await lab.observe();
      return lab.timeline
        .of('captured')
        .some(({ host, wire }) => host === 'client' && wire.kind === 'tcp' && wire.segment.flags === 'R');
    });
    await inTable(lab, connection, 'client', state);
    expect(told(lab, connection, 'client')).toEqual([state]);
  });

  it('says SYN-RECEIVED while a listener waits for data (TCP_DEFER_ACCEPT)', async () => {
    await using lab = await Lab.open();
    const program =
      'import socket, time; s = socket.socket(); s.setsockopt(6, 9, 30); s.bind(("", 80)); s.listen(5); time.sleep(60)';
    await lab.server.start(['python3', '-c', program]);
    await lab.waitFor('a listener', async () =>
      (await lab.observe()).server.some(({ state }) => state === 'LISTEN'),
    );
    const { connection, socket } = await connecting(lab);
    await inTable(lab, connection, 'client', 'ESTABLISHED');
    await inTable(lab, connection, 'server', 'SYN-RECEIVED');
    expect(told(lab, connection, 'server')).toEqual(['SYN-RECEIVED']);
    await lab.client.send(socket, Buffer.from('x'));
    await inTable(lab, connection, 'server', 'ESTABLISHED');
    expect(told(lab, connection, 'server')).toContain('ESTABLISHED');
  });

  it('follows both ends through TCP Fast Open', async () => {
    await using lab = await Lab.open();
    // Without cookies (Documentation/networking/ip-sysctl.rst, tcp_fastopen).
    for (const host of ['client', 'server'] as const)
      await lab.host(host).writeSysctl('net.ipv4.tcp_fastopen', 0x607);
    const serve =
      'import socket, time; s = socket.socket(); s.setsockopt(6, 23, 5); s.bind(("", 80)); s.listen(5); c = s.accept(); time.sleep(60)';
    await lab.server.start(['python3', '-c', serve]);
    await lab.waitFor('a listener', async () =>
      (await lab.observe()).server.some(({ state }) => state === 'LISTEN'),
    );
    const connection = { client: lab.nextClientEndpoint(), server: lab.serverEndpoint() };
    const { address, port } = connection.client;
    const connect = `import socket, time; s = socket.socket(); s.bind(("${address}", ${port})); s.sendto(b"x" * 9, 0x20000000, ("${connection.server.address}", 80)); time.sleep(60)`;
    await lab.client.start(['python3', '-c', connect]);
    await inTable(lab, connection, 'server', 'ESTABLISHED');
    await inTable(lab, connection, 'client', 'ESTABLISHED');
    const syn = lab.timeline
      .of('captured')
      .find(({ wire }) => wire.kind === 'tcp' && wire.segment.flags === 'S')?.wire;
    expect(syn?.kind === 'tcp' && syn.segment.length).toBe(9);
    expect(told(lab, connection, 'client')).toContain('ESTABLISHED');
    expect(told(lab, connection, 'server')).toContain('ESTABLISHED');
  });

  it('says FIN-WAIT-1 while the window is zero, and goes on when it opens', async () => {
    await using lab = await Lab.open();
    const listener = await listening(lab, 4096);
    const { connection, socket } = await connecting(lab);
    await inTable(lab, connection, 'server', 'ESTABLISHED');
    const accepted = (await lab.server.accept(listener)) as SocketNumber;
    await lab.client.send(socket, Buffer.alloc(200_000));
    const end = endOf(connection, 'client', 'CLOSED');
    const probes = async () => rowOf((await lab.observe()).client, end)?.timer === 'probe';
    await lab.waitFor('a zero window', probes);
    await lab.client.close(socket);
    const closedMs = lab.nowMs();
    await inTable(lab, connection, 'client', 'FIN-WAIT-1');
    await lab.waitFor('a probe of the zero window', async () => {
      await lab.observe();
      return sentBy(lab, 'client').some(({ atMs }) => atMs > closedMs);
    });
    expect(sentBy(lab, 'client').filter(({ flags }) => flags.includes('F'))).toEqual([]);
    expect(told(lab, connection, 'client')).toEqual(['FIN-WAIT-1']);
    expect(told(lab, connection, 'server')).toEqual(['ESTABLISHED']);
    await lab.waitFor('the end of the data', async () => {
      await lab.observe();
      return (await lab.server.receive(accepted))?.length === 0;
    });
    await inTable(lab, connection, 'server', 'CLOSE-WAIT');
    await inTable(lab, connection, 'client', 'FIN-WAIT-2');
    expect(told(lab, connection, 'client')).toEqual(['FIN-WAIT-2']);
    expect(told(lab, connection, 'server')).toEqual(['CLOSE-WAIT']);
  });

  it('says CLOSED of both ends when data meets an orphan in FIN-WAIT-2 that a program left', async () => {
    await using lab = await Lab.open();
    const listener = await listening(lab);
    const connection = { client: lab.nextClientEndpoint(), server: lab.serverEndpoint() };
    const { address, port } = connection.client;
    const program = `import socket, time; s = socket.socket(); s.bind(("${address}", ${port})); s.connect(("${connection.server.address}", 80)); s.close(); time.sleep(60)`;
    await lab.client.start(['python3', '-c', program]);
    const accept = async () => (await lab.observe()) && (await lab.server.accept(listener));
    const accepted = await lab.waitFor('a connection to accept', accept, PATIENCE_MS);
    await inTable(lab, connection, 'client', 'FIN-WAIT-2');
    await inTable(lab, connection, 'server', 'CLOSE-WAIT');
    expect(told(lab, connection, 'client')).toEqual(['FIN-WAIT-2']);
    await lab.server.send(accepted, Buffer.from('late'));
    await inTable(lab, connection, 'client', 'CLOSED');
    await inTable(lab, connection, 'server', 'CLOSED');
    expect(told(lab, connection, 'client')).toEqual(['CLOSED']);
    expect(told(lab, connection, 'server')).toEqual(['CLOSED']);
  });

  it('says SYN-SENT after an ICMP error that connect() ignores, and CLOSED after the next', async () => {
    await using lab = await Lab.open();
    await lab.server.setRule({
      hook: 'in',
      destinationPort: lab.serverPort,
      fate: 'reject with port unreachable',
    });
    const { connection } = await connecting(lab);
    const errors = () => lab.timeline.of('captured').filter(({ wire }) => wire.kind === 'icmp');
    const arrived = async () => {
      await lab.observe();
      return errors().some(({ host }) => host === 'client');
    };
    await lab.waitFor('an ICMP error', arrived);
    // While connect() owns the socket, the kernel takes the error for a hint (tcp_ipv4.c, tcp_v4_err).
    await inTable(lab, connection, 'client', 'SYN-SENT');
    expect(told(lab, connection, 'client')).toEqual(['SYN-SENT']);
    await inTable(lab, connection, 'client', 'CLOSED');
    expect(told(lab, connection, 'client')).toEqual(['CLOSED']);
  });

  it('follows a second connection from a port that is in TIME-WAIT at its own host (tcp_tw_reuse)', async () => {
    await using lab = await Lab.open();
    await lab.client.writeSysctl('net.ipv4.tcp_tw_reuse', 1);
    const listener = await listening(lab);
    const { connection, socket } = await connecting(lab);
    await inTable(lab, connection, 'server', 'ESTABLISHED');
    const accepted = (await lab.server.accept(listener)) as SocketNumber;
    await lab.client.close(socket);
    await inTable(lab, connection, 'server', 'CLOSE-WAIT');
    await lab.server.close(accepted);
    await inTable(lab, connection, 'client', 'TIME-WAIT');
    expect(told(lab, connection, 'client')).toEqual(['TIME-WAIT']);
    const again = await lab.client.openSocket();
    await lab.client.setOption(again, 'SO_REUSEADDR', 1);
    await lab.client.bind(again, connection.client);
    // The kernel waits until its clock of seconds has moved (tcp_ipv4.c, tcp_twsk_unique).
    await lab.waitFor('a port that may be used again', async () => {
      return (await lab.client.connect(again, connection.server)) === 'EINPROGRESS';
    });
    await inTable(lab, connection, 'client', 'ESTABLISHED');
    await inTable(lab, connection, 'server', 'ESTABLISHED');
    expect(told(lab, connection, 'client')).toEqual(['ESTABLISHED']);
    expect(told(lab, connection, 'server')).toEqual(['ESTABLISHED']);
  });
});

/** The segments that the host's capture saw leave. */
function sentBy(lab: Lab, host: HostName): { atMs: number; flags: string }[] {
  return lab.timeline.of('captured').flatMap((event) => {
    if (event.host !== host || event.direction !== 'sent' || event.wire.kind !== 'tcp') return [];
    return [{ atMs: event.atMs, flags: event.wire.segment.flags }];
  });
}
