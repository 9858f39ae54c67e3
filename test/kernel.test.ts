import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, type TestContext } from 'vitest';
import { SystemError, TcplabError } from '../src/error.ts';
import { monotonicNs, realtimeOffsetNs } from '../src/kernel/clock.ts';
import { errnoName, loadLibrary } from '../src/kernel/libc.ts';
import { NetworkNamespace } from '../src/kernel/namespace.ts';
import { type LoggedPacket, PacketLog } from '../src/kernel/nflog.ts';
import { Nftables } from '../src/kernel/nftables.ts';
import type { CapturedPacket, PacketCapture } from '../src/kernel/packet-capture.ts';
import { currentPrivilege } from '../src/kernel/privileges.ts';
import { execute, processStartTime } from '../src/kernel/process.ts';
import { configureLink, createVethPair, interfaceIndex } from '../src/kernel/rtnetlink.ts';
import { SocketTable } from '../src/kernel/sock-diag.ts';
import * as socket from '../src/kernel/socket.ts';
import { readSysctl, writeSysctl } from '../src/kernel/sysctl.ts';
import { encodePacket } from '../src/tcp/encode.ts';
import type { Family } from '../src/tcp/endpoint.ts';
import { addressText, formatEndpoint } from '../src/tcp/endpoint.ts';
import { checksumsHold, decodePacket, type Segment } from '../src/tcp/segment.ts';
import type { SocketRow } from '../src/tcp/socket-row.ts';
import { parseState, type State } from '../src/tcp/state.ts';
import { Pair, until } from './namespaces.ts';

const PRIVILEGE = currentPrivilege();

function needRoot(context: TestContext, what: string): void {
  if (PRIVILEGE !== 'root') context.skip(`needs root: ${what}`);
}

function thisNamespace(): string {
  return readlinkSync('/proc/thread-self/ns/net');
}

function failureOf(work: () => unknown): SystemError {
  try {
    work();
  } catch (error) {
    if (error instanceof SystemError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

describe('a network namespace', () => {
  it('is another one than the machine’s, with nothing in it but a loopback', () => {
    const home = thisNamespace();
    const namespace = NetworkNamespace.create();
    expect(thisNamespace()).toBe(home);
    const [inside, interfaces] = namespace.enter(() => [
      thisNamespace(),
      readFileSync('/proc/thread-self/net/dev', 'utf8').match(/^\s*[\w.]+(?=:)/gm),
    ]);
    expect(inside).not.toBe(home);
    expect(interfaces?.map((name) => name.trim())).toEqual(['lo']);
    expect(thisNamespace()).toBe(home);
    namespace.close();
  });

  it('is left again even when the work throws', () => {
    const home = thisNamespace();
    const namespace = NetworkNamespace.create();
    expect(() =>
      namespace.enter(() => {
        throw new RangeError('on purpose');
      }),
    ).toThrow(new RangeError('on purpose'));
    expect(thisNamespace()).toBe(home);
    namespace.close();
  });

  it('is the same one each time, and not that of another', () => {
    const [first, second] = [NetworkNamespace.create(), NetworkNamespace.create()];
    expect(first.enter(thisNamespace)).toBe(first.enter(thisNamespace));
    expect(first.enter(thisNamespace)).not.toBe(second.enter(thisNamespace));
    first.close();
    second.close();
  });

  it('keeps what is made in it: sockets and programs', () => {
    const namespace = NetworkNamespace.create();
    const table = namespace.enter(() => new SocketTable());
    const fd = namespace.enter(() => socket.openTcpSocket('ipv4'));
    socket.bind(fd, { address: '127.0.0.1', port: 4444 });
    socket.listen(fd, 1);
    expect(table.read().map(({ local }) => formatEndpoint(local))).toEqual(['127.0.0.1:4444']);
    const program = namespace.enter(() => spawnSync('readlink', ['/proc/self/ns/net'], { encoding: 'utf8' }));
    expect(program.stdout.trim()).toBe(namespace.enter(thisNamespace));
    socket.close(fd);
    table.close();
    namespace.close();
  });

  it('leaves no descriptor behind when it is closed, once or twice', () => {
    const descriptors = () => readdirSync('/proc/self/fd').length;
    const before = descriptors();
    const namespace = NetworkNamespace.create();
    expect(descriptors()).toBe(before + 2);
    namespace.close();
    namespace.close();
    expect(descriptors()).toBe(before);
  });

  it('can’t be entered once it is closed, and the work is not done elsewhere instead', () => {
    const namespace = NetworkNamespace.create();
    namespace.close();
    let done = false;
    expect(() =>
      namespace.enter(() => {
        done = true;
      }),
    ).toThrow('this lab is already closed');
    expect(done).toBe(false);
  });
});

describe('a system call that fails', () => {
  it('says which, on what, and the name of the error', () => {
    const namespace = NetworkNamespace.create();
    const fd = namespace.enter(() => socket.openTcpSocket('ipv4'));
    socket.bind(fd, { address: '127.0.0.1', port: 80 });
    const failure = failureOf(() => socket.bind(fd, { address: '127.0.0.1', port: 81 }));
    expect(failure).toMatchObject({ code: 'SYSTEM', syscall: 'bind', errno: 'EINVAL' });
    expect(failure).toBeInstanceOf(TcplabError);
    expect(failure.message).toBe('bind (127.0.0.1 port 81) failed: EINVAL');
    socket.close(fd);
    namespace.close();
  });

  it('for want of rights says where to look', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tcplab-test-'));
    const file = join(folder, 'not-a-program');
    writeFileSync(file, '', { mode: 0o644 });
    const failure = failureOf(() => execute(file, [], {}));
    rmSync(folder, { recursive: true });
    expect(failure).toMatchObject({ syscall: 'execve', errno: 'EACCES' });
    expect(failure.hint).toMatch(/tcplab doctor/);
  });

  it('of netlink says what the kernel has to say', () => {
    const [one, other] = [NetworkNamespace.create(), NetworkNamespace.create()];
    const make = () =>
      one.enter(() =>
        createVethPair({ interface: 'wire', linkAddress: Buffer.from('020000000001', 'hex') }, other.fd, {
          interface: 'wire',
          linkAddress: Buffer.from('020000000002', 'hex'),
        }),
      );
    make();
    const failure = failureOf(make);
    expect(failure).toMatchObject({ syscall: 'netlink', errno: 'EEXIST' });
    expect(failure.message).toMatch(/^netlink \(create veth wire.*\) failed: EEXIST$/);
    one.close();
    other.close();
  });

  it('of netlink names the one of many requests that failed', () => {
    const namespace = NetworkNamespace.create();
    const addresses = [8, 99, 24].map((prefix) => ({ address: `10.0.0.${prefix}`, prefix }));
    const failure = failureOf(() => namespace.enter(() => configureLink('lo', addresses)));
    expect(failure.errno).toBe('EINVAL');
    expect(failure.message).toMatch(/^netlink \(give lo the address 10\.0\.0\.99(: .*)?\) failed: EINVAL$/);
    namespace.close();
  });

  it('on an interface that is not there names it', () => {
    const namespace = NetworkNamespace.create();
    const failure = failureOf(() => namespace.enter(() => configureLink('nowhere0', [])));
    expect(failure).toMatchObject({ syscall: 'ioctl', errno: 'ENODEV' });
    expect(failure.message).toContain('nowhere0');
    namespace.close();
  });

  it('with an error that has two names has the usual one, and with one that has none its number', () => {
    expect(errnoName(11)).toBe('EAGAIN');
    expect(errnoName(111)).toBe('ECONNREFUSED');
    expect(errnoName(9999)).toBe('errno 9999');
  });

  it('of a missing library returns undefined', () => {
    expect(loadLibrary('libno-such-thing.so.1')).toBeUndefined();
    expect(loadLibrary('libno-such-thing.so.1', 'libc.so.6', 'libc.musl-x86_64.so.1')).toBeDefined();
  });
});

describe('the machine’s own network', () => {
  it('is as before when a wire was laid in namespaces', async () => {
    const before = Object.keys(networkInterfaces());
    await using pair = await Pair.open();
    expect(pair.client.enter(() => interfaceIndex('eth0'))).toBeGreaterThan(1);
    expect(Object.keys(networkInterfaces())).toEqual(before);
  });
});

describe('the socket table', () => {
  it('agrees with /proc/net/tcp and with ss, in many states, IPv4 and IPv6', async () => {
    await using pair = await Pair.open();
    await inManyStates(pair, 'ipv4');
    await inManyStates(pair, 'ipv6');
    for (const host of ['client', 'server'] as const) {
      const { rows, listed, shown } = pair[host].enter(() => {
        const table = new SocketTable();
        const rows = table.read();
        table.close();
        return { rows, listed: [...procNetTcp('tcp'), ...procNetTcp('tcp6')], shown: ss() };
      });
      const connected = rows.filter(({ state }) => state !== 'CLOSED');
      const withInode = ({ inode, ...row }: SocketRow) => `${brief(row)} inode ${inode}`;
      const withQueues = (row: SocketRow) => `${brief(row)} ${row.receiveQueue} ${row.sendQueue}`;
      expect(connected.map(withInode).sort()).toEqual(listed.sort());
      expect(connected.map(withQueues).sort()).toEqual(shown.sort());
    }
  });

  it('has the states that were made, for each family', async () => {
    await using pair = await Pair.open();
    const expected: Record<'client' | 'server', State[]> = {
      client: ['CLOSED', 'ESTABLISHED', 'FIN-WAIT-2', 'SYN-SENT', 'TIME-WAIT'],
      server: ['CLOSE-WAIT', 'ESTABLISHED', 'LISTEN', 'LISTEN', 'SYN-RECEIVED'],
    };
    for (const family of ['ipv4', 'ipv6'] as const) {
      await inManyStates(pair, family);
      for (const host of ['client', 'server'] as const) {
        const rows = tableOf(pair[host]).filter(
          ({ local }) => local.address === pair.at(host, 0, family).address,
        );
        expect(rows.map(({ state }) => state).sort()).toEqual(expected[host]);
      }
    }
  });

  it('tells the timers, the queues, and who has no descriptor', async () => {
    await using pair = await Pair.open();
    await inManyStates(pair, 'ipv4');
    const find = (host: 'client' | 'server', state: State) =>
      tableOf(pair[host]).find((row) => row.state === state) as SocketRow;
    expect(find('client', 'SYN-SENT')).toMatchObject({
      timer: 'retransmission',
      info: { unacknowledged: 1 },
    });
    expect(find('client', 'SYN-SENT').expiresMs).toBeGreaterThan(0);
    expect(find('client', 'TIME-WAIT')).toMatchObject({ timer: 'time-wait', inode: 0 });
    // 60 s, whatever tcp_fin_timeout says (TCP_TIMEWAIT_LEN).
    expect(find('client', 'TIME-WAIT').expiresMs).toBeGreaterThan(30_000);
    expect(find('client', 'FIN-WAIT-2')).toMatchObject({ timer: 'none', expiresMs: null });
    expect(find('client', 'FIN-WAIT-2').inode).toBeGreaterThan(0);
    expect(find('server', 'SYN-RECEIVED')).toMatchObject({ timer: 'retransmission', inode: 0 });
    const waiting = pair.connect(2001, 80);
    await until('it in the accept queue', () =>
      tableOf(pair.server).some(({ state, remote }) => state === 'ESTABLISHED' && remote.port === 2001),
    );
    const listener = tableOf(pair.server).find(({ state, local }) => state === 'LISTEN' && local.port === 80);
    expect(listener).toMatchObject({
      receiveQueue: 1,
      sendQueue: 5,
      remote: { address: '0.0.0.0', port: 0 },
    });
    const unaccepted = tableOf(pair.server).find(({ remote }) => remote.port === 2001);
    expect(unaccepted).toMatchObject({ state: 'ESTABLISHED', inode: 0 });
    expect(socket.send(waiting, Buffer.from('four'))).toBe(4);
    await until('the bytes', () => tableOf(pair.server).some(({ receiveQueue }) => receiveQueue === 4));
  });

  it('calls a socket by the same cookie as long as it lives, and another by another', async () => {
    await using pair = await Pair.open();
    const listener = pair.listen(80);
    const first = tableOf(pair.server);
    pair.listen(81);
    const second = tableOf(pair.server);
    expect(second.map(({ cookie }) => cookie)).toContain(first[0]?.cookie);
    expect(new Set(second.map(({ cookie }) => cookie)).size).toBe(2);
    expect(listener).toBeGreaterThan(2);
  });
});

/** One connection each in several states; the client's side of the last is bound only. */
async function inManyStates(pair: Pair, family: Family): Promise<void> {
  const listener = pair.listen(80, family);
  const deaf = pair.listen(81, family);
  expect(deaf).toBeGreaterThan(2);
  const filter = pair.client.enter(() => new Nftables());
  // Its SYN-ACKs do not arrive: SYN-SENT here, a request socket there.
  filter.run(
    'add table inet test; add chain inet test input { type filter hook input priority 0; }; add rule inet test input tcp sport 81 drop',
  );
  filter.close();
  pair.connect(1001, 80, family);
  await pair.accept(listener);
  const half = pair.connect(1002, 80, family);
  await pair.accept(listener);
  socket.shutdown(half, 'write');
  const over = pair.connect(1003, 80, family);
  const overThere = await pair.accept(listener);
  pair.close(over);
  await until('its FIN', () => socket.receive(overThere)?.length === 0);
  pair.close(overThere);
  pair.connect(1004, 81, family);
  const bound = pair.socket('client', family);
  socket.bind(bound, pair.at('client', 1005, family));
  const settled: [number, State][] = [
    [1001, 'ESTABLISHED'],
    [1002, 'FIN-WAIT-2'],
    [1003, 'TIME-WAIT'],
    [1004, 'SYN-SENT'],
    [1005, 'CLOSED'],
  ];
  const { address } = pair.at('client', 0, family);
  await until('all in their states', () => {
    const [client, server] = [tableOf(pair.client), tableOf(pair.server)];
    const requested = server.some(
      ({ state, local }) => state === 'SYN-RECEIVED' && local.address !== address,
    );
    return (
      requested &&
      settled.every(([port, state]) =>
        client.some((row) => row.state === state && row.local.port === port && row.local.address === address),
      )
    );
  });
}

function tableOf(namespace: NetworkNamespace): SocketRow[] {
  const table = namespace.enter(() => new SocketTable());
  const rows = table.read();
  table.close();
  return rows;
}

function brief({ state, local, remote }: Pick<SocketRow, 'state' | 'local' | 'remote'>): string {
  return `${state} ${formatEndpoint(local)} ${formatEndpoint(remote)}`;
}

/** /proc/net/tcp and tcp6 of the namespace in which the thread is now (proc_net_tcp.rst): words in host order. */
function procNetTcp(file: 'tcp' | 'tcp6'): string[] {
  const lines = readFileSync(`/proc/thread-self/net/${file}`, 'utf8').trim().split('\n').slice(1);
  const endpoint = (text = '') => {
    const [words = '', port = ''] = text.split(':');
    const address = addressText(Buffer.from(words, 'hex').swap32());
    return { address, port: Number.parseInt(port, 16) };
  };
  const states = ['', 'ESTAB', 'SYN_SENT', 'SYN_RECV', 'FIN_WAIT1', 'FIN_WAIT2', 'TIME_WAIT'];
  states.push('CLOSE', 'CLOSE_WAIT', 'LAST_ACK', 'LISTEN', 'CLOSING', 'SYN_RECV');
  return lines.map((line) => {
    const [, local, remote, number = '', , , , , , inode] = line.trim().split(/\s+/);
    const state = parseState(states[Number.parseInt(number, 16)] ?? '') as State;
    return `${brief({ state, local: endpoint(local), remote: endpoint(remote) })} inode ${inode}`;
  });
}

/** `ss -tan` of the namespace in which the thread is now. */
function ss(): string[] {
  const { stdout } = spawnSync('ss', ['-tanH'], { encoding: 'utf8' });
  return stdout
    .trim()
    .split('\n')
    .map((line) => {
      const [state = '', received, sent, local, remote] = line.trim().split(/\s+/);
      const end = (text = '') => text.replace(/:\*$/, ':0');
      return `${parseState(state)} ${end(local)} ${end(remote)} ${received} ${sent}`;
    });
}

describe('nftables', () => {
  const SET_UP = 'add table inet t; add chain inet t in { type filter hook input priority 0; }';

  it('echoes the handle of each rule, by which it can be taken away again', () => {
    const namespace = NetworkNamespace.create();
    const nft = namespace.enter(() => new Nftables());
    nft.run(SET_UP);
    const handles = ['80', '81'].map(
      (port) => nft.runJson(`add rule inet t in tcp dport ${port} counter drop`)[0]?.add?.rule?.handle,
    );
    expect(new Set(handles).size).toBe(2);
    nft.run(`delete rule inet t in handle ${handles[0]}`);
    const left = nft.runJson('list table inet t').flatMap(({ rule }) => rule?.handle ?? []);
    expect(left).toEqual([handles[1]]);
    nft.close();
    namespace.close();
  });

  it('counts what each rule has met', async () => {
    await using pair = await Pair.open();
    const nft = pair.server.enter(() => new Nftables());
    nft.run(SET_UP);
    nft.run('add rule inet t in tcp dport 80 counter drop comment "1"');
    nft.run('add rule inet t in tcp dport 81 counter drop comment "2"');
    pair.connect(1001, 80);
    pair.connect(1002, 80);
    pair.connect(1003, 81);
    const counts = () =>
      nft.runJson('list table inet t').flatMap(({ rule }) => {
        const counter = rule?.expr.find((expression) => expression.counter)?.counter;
        return rule ? [[rule.comment, counter?.packets]] : [];
      });
    await until(
      'three packets',
      () => (counts() as [string, number][]).reduce((sum, [, n]) => sum + n, 0) >= 3,
    );
    expect(counts()).toEqual([
      ['1', 2],
      ['2', 1],
    ]);
    nft.close();
  });

  it('stays in the namespace in which it was opened', () => {
    const namespace = NetworkNamespace.create();
    const nft = namespace.enter(() => new Nftables());
    nft.run('add table inet only_in_the_lab');
    expect(nft.run('list tables')).toBe('table inet only_in_the_lab\n');
    const [inside, outside] = [namespace.enter(listTables), listTables()];
    expect(inside).toContain('only_in_the_lab');
    expect(outside).not.toContain('only_in_the_lab');
    nft.close();
    namespace.close();
  });

  it('says what is wrong with a rule, and of several commands does none', () => {
    const namespace = NetworkNamespace.create();
    const nft = namespace.enter(() => new Nftables());
    const bad = failureOf(() => nft.run('add rule inet t in tcp dprt 80 drop'));
    expect(bad).toMatchObject({ code: 'SYSTEM', syscall: 'nft' });
    expect(bad.message).toMatch(/^nft \(add rule inet t in tcp dprt 80 drop\) failed: .*syntax error/);
    const missing = failureOf(() => nft.run('add table inet u; add rule inet u nowhere drop'));
    expect(missing.message).toMatch(/No such file or directory/);
    expect(nft.run('list tables')).toBe('');
    nft.run('add table inet still_works');
    expect(nft.run('list tables')).toBe('table inet still_works\n');
    nft.close();
    namespace.close();
  });
});

function listTables(): string {
  return spawnSync('nft', ['list', 'tables'], { encoding: 'utf8' }).stdout;
}

describe('the packet log', () => {
  it('tells which rule, in or out, and the whole packet', async () => {
    await using pair = await Pair.open();
    const logs = {
      client: pair.client.enter(() => new PacketLog(7)),
      server: pair.server.enter(() => new PacketLog(7)),
    };
    const filters = [
      pair.server.enter(() => new Nftables()),
      pair.client.enter(() => new Nftables()),
    ] as const;
    const chain = (hook: string, rule: string) =>
      `add table inet t; add chain inet t c { type filter hook ${hook} priority 0; }; add rule inet t c ${rule}`;
    filters[0].run(chain('input', 'tcp dport 80 log prefix "in at 80" group 7 queue-threshold 1 drop'));
    filters[1].run(chain('output', 'tcp dport 81 log prefix "42" group 7 queue-threshold 1 drop'));
    const beforeNs = monotonicNs();
    pair.connect(1001, 80);
    pair.connect(1002, 81);
    const [atServer, atClient] = [await logged(logs.server, 1), await logged(logs.client, 1)];
    const afterNs = monotonicNs();
    expect(atServer.map(({ hook, prefix }) => [hook, prefix])).toEqual([['in', 'in at 80']]);
    expect(atClient.map(({ hook, prefix }) => [hook, prefix])).toEqual([['out', '42']]);
    expect(decodePacket(atServer[0]?.packet as Buffer)).toMatchObject({
      kind: 'tcp',
      segment: { flags: 'S', source: pair.at('client', 1001), destination: pair.at('server', 80) },
    });
    expect(checksumsHold(atServer[0]?.packet as Buffer)).toBe(true);
    // Microseconds, and rounded down.
    expect(atServer[0]?.atNs).toBeGreaterThan(beforeNs - 1000n - CLOCK_ERROR_NS);
    expect(atServer[0]?.atNs).toBeLessThan(afterNs + CLOCK_ERROR_NS);
    // The very bytes of the capture, by which the two are joined.
    const captured = pair.captures.server.read().map(({ packet }) => packet.toString('hex'));
    expect(captured).toContain(atServer[0]?.packet.toString('hex'));
    for (const { close } of filters.map((filter) => ({ close: () => filter.close() }))) close();
    for (const log of Object.values(logs)) log.close();
  });

  it('holds nothing of another group or another namespace', async () => {
    await using pair = await Pair.open();
    const [other, elsewhere] = [
      pair.server.enter(() => new PacketLog(8)),
      pair.client.enter(() => new PacketLog(7)),
    ];
    const log = pair.server.enter(() => new PacketLog(7));
    const nft = pair.server.enter(() => new Nftables());
    nft.run(
      'add table inet t; add chain inet t c { type filter hook input priority 0; }; add rule inet t c tcp dport 80 log prefix "x" group 7 queue-threshold 1 drop',
    );
    pair.connect(1001, 80);
    expect(await logged(log, 1)).toHaveLength(1);
    expect([...log.read(), ...other.read(), ...elsewhere.read()]).toEqual([]);
    nft.close();
    for (const each of [log, other, elsewhere]) each.close();
  });

  it('can’t be opened twice for one group of a namespace, and says so', () => {
    const namespace = NetworkNamespace.create();
    const log = namespace.enter(() => new PacketLog(7));
    const failure = failureOf(() => namespace.enter(() => new PacketLog(7)));
    expect(failure).toMatchObject({ syscall: 'netlink', errno: 'EPERM' });
    expect(failure.message).toContain('packet log, group 7');
    log.close();
    namespace.close();
  });
});

const CLOCK_ERROR_NS = 100_000n;

async function logged(log: PacketLog, count: number): Promise<LoggedPacket[]> {
  const packets: LoggedPacket[] = [];
  await until(`${count} logged packets`, () => packets.push(...log.read()) >= count);
  return packets;
}

describe('the packet capture', () => {
  it('sees each segment sent by one host and received by the other, with stamps in causal order', async () => {
    await using pair = await Pair.open();
    const listener = pair.listen(80);
    const beforeNs = monotonicNs();
    pair.connect(1001, 80);
    await pair.accept(listener);
    const seen = { client: segmentsOf(pair.captures.client), server: segmentsOf(pair.captures.server) };
    const afterNs = monotonicNs();
    const what = (host: 'client' | 'server') =>
      seen[host].map(({ direction, segment }) => `${direction} ${segment.flags}`);
    expect(what('client')).toEqual(['sent S', 'received S.', 'sent .']);
    expect(what('server')).toEqual(['received S', 'sent S.', 'received .']);
    const [a, b] = [seen.client, seen.server].map((side) => side.map(({ atNs }) => atNs)) as [
      bigint[],
      bigint[],
    ];
    const causal = [a[0], b[0], b[1], a[1], a[2], b[2]] as bigint[];
    expect(causal).toEqual(causal.toSorted((x, y) => (x < y ? -1 : 1)));
    expect(causal[0]).toBeGreaterThan(beforeNs - CLOCK_ERROR_NS);
    expect(causal[5]).toBeLessThan(afterNs + CLOCK_ERROR_NS);
    // Nanoseconds, not microseconds.
    expect(causal.some((atNs) => atNs % 1000n !== 0n)).toBe(true);
    expect(seen.client[0]?.segment).toEqual(seen.server[0]?.segment);
  });

  it('has whole checksums, over IPv4 and IPv6: nothing is left to an interface to fill in', async () => {
    await using pair = await Pair.open();
    for (const family of ['ipv4', 'ipv6'] as const) {
      const listener = pair.listen(80, family);
      const client = pair.connect(1001, 80, family);
      const accepted = await pair.accept(listener);
      // Longer than one segment: with offloads it would be one packet of 5,000 bytes.
      socket.send(client, Buffer.alloc(5000, 'x'));
      const received: Uint8Array[] = [];
      await until('all bytes', () => {
        received.push(socket.receive(accepted) ?? Buffer.alloc(0));
        return Buffer.concat(received).length >= 5000;
      });
      const packets = pair.captures.client.read();
      expect(packets.filter(({ packet }) => decodePacket(packet)?.kind === 'tcp').length).toBeGreaterThan(6);
      for (const { packet } of packets) {
        if (decodePacket(packet)?.kind !== 'tcp') continue;
        expect(checksumsHold(packet)).toBe(true);
        expect(packet.length).toBeLessThanOrEqual(1500);
      }
    }
  });

  it('sees what a rule drops on arrival, and not what a rule drops on its way out', async () => {
    await using pair = await Pair.open();
    const drop = (hook: string, port: number) =>
      `add table inet t; add chain inet t c { type filter hook ${hook} priority 0; }; add rule inet t c tcp dport ${port} drop`;
    const filters = [
      pair.server.enter(() => new Nftables()),
      pair.client.enter(() => new Nftables()),
    ] as const;
    filters[0].run(drop('input', 80));
    filters[1].run(drop('output', 81));
    pair.connect(1001, 81);
    pair.connect(1002, 80);
    const ports = (capture: PacketCapture) =>
      segmentsOf(capture).map(({ segment }) => segment.destination.port);
    const arrived: number[] = [];
    await until('the SYN', () => arrived.push(...ports(pair.captures.server)) >= 1);
    expect(arrived).toEqual([80]);
    expect(ports(pair.captures.client)).toEqual([80]);
    for (const filter of filters) filter.close();
  });

  it('loses nothing in 2,000 segments that are read at once', async (context) => {
    const limit = Number(readFileSync('/proc/sys/net/core/rmem_max', 'utf8'));
    if (limit < 2 * 1024 * 1024)
      needRoot(context, `net.core.rmem_max is ${limit}, and only root of the machine may pass it`);
    await using pair = await Pair.open();
    await sendMany(pair, 2000, 100);
    for (const host of ['client', 'server'] as const) {
      const seen = segmentsOf(pair.captures[host]);
      expect(seen.map(({ segment }) => segment.seq)).toEqual(
        Array.from({ length: 2000 }, (_, index) => index),
      );
      expect(new Set(seen.map(({ direction }) => direction))).toEqual(
        new Set([host === 'client' ? 'sent' : 'received']),
      );
      expect(pair.captures[host].takeLost()).toBe(0);
    }
  });

  it('says how many it has lost when its buffer overflows, once', async () => {
    await using pair = await Pair.open();
    const count = 12_000;
    await sendMany(pair, count, 1400);
    const lost = pair.captures.server.takeLost();
    expect(lost).toBeGreaterThan(0);
    const seenOrLost = segmentsOf(pair.captures.server).length + lost;
    expect(seenOrLost).toBeGreaterThanOrEqual(count);
    // What the kernel itself has to say to its neighbours may be among those lost.
    expect(seenOrLost).toBeLessThan(count + 20);
    expect(pair.captures.server.takeLost()).toBe(0);
    await sendMany(pair, 10, 100);
    expect(segmentsOf(pair.captures.server)).toHaveLength(10);
    expect(pair.captures.server.takeLost()).toBe(0);
  });
});

function segmentsOf(capture: PacketCapture): (CapturedPacket & { segment: Segment })[] {
  return capture.read().flatMap((packet) => {
    const wire = decodePacket(packet.packet);
    return wire?.kind === 'tcp' ? [{ ...packet, segment: wire.segment }] : [];
  });
}

/** Crafted RSTs, which nobody answers. The server's TCP has been given them all when this is over. */
async function sendMany(pair: Pair, count: number, octets: number): Promise<void> {
  const raw = pair.client.enter(() => socket.openRawSocket('ipv4'));
  const [source, destination] = [pair.at('client', 1), pair.at('server', 2)];
  const payload = new Uint8Array(octets);
  const before = segmentsGiven(pair.server);
  for (let seq = 0; seq < count; seq++) {
    const packet = encodePacket({ source, destination, seq, ack: null, flags: 'R', window: 0, payload });
    socket.sendPacket(raw, packet, destination.address);
    // A busy machine takes them from the wire later, and lets no more than net.core.netdev_max_backlog wait.
    if (seq % 500 === 499 || seq === count - 1)
      await until('all given', () => segmentsGiven(pair.server) - before > seq);
  }
  socket.close(raw);
}

/** How many segments the namespace's TCP has been given: InSegs of proc_net_snmp. */
function segmentsGiven(namespace: NetworkNamespace): number {
  const snmp = namespace.enter(() => readFileSync('/proc/thread-self/net/snmp', 'utf8'));
  const [names = [], values = []] = snmp
    .split('\n')
    .filter((line) => line.startsWith('Tcp:'))
    .map((line) => line.split(' '));
  return Number(values[names.indexOf('InSegs')]);
}

describe('sysctls', () => {
  it('of a namespace are its own: the machine’s stay as they are', () => {
    const name = 'net.ipv4.tcp_syn_retries';
    const machine = readSysctl(name);
    const namespace = NetworkNamespace.create();
    const value = machine === '3' ? '4' : '3';
    namespace.enter(() => writeSysctl(name, value));
    expect(namespace.enter(() => readSysctl(name))).toBe(value);
    expect(readSysctl(name)).toBe(machine);
    namespace.close();
  });

  it('that this kernel does not have read as undefined', () => {
    expect(readSysctl('net.ipv4.tcp_no_such_thing')).toBeUndefined();
  });

  it('that refuse a value say so', () => {
    const namespace = NetworkNamespace.create();
    const failure = failureOf(() => namespace.enter(() => writeSysctl('net.ipv4.tcp_syn_retries', 'many')));
    expect(failure).toMatchObject({ syscall: 'write', errno: 'EINVAL', code: 'SYSTEM' });
    expect(failure.message).toContain('sysctl net.ipv4.tcp_syn_retries = many');
    namespace.close();
  });
});

describe('the start time of a process', () => {
  it('names it for good: it stays the same, and a process that is gone has none', async () => {
    expect(processStartTime(process.pid)).toMatch(/^\d+$/);
    expect(processStartTime(process.pid)).toBe(processStartTime(process.pid));
    const child = spawn('cat', { stdio: ['pipe', 'ignore', 'ignore'] });
    const startTime = processStartTime(child.pid ?? 0);
    expect(Number(startTime)).toBeGreaterThan(Number(processStartTime(process.pid)));
    child.stdin.end();
    await once(child, 'exit');
    expect(processStartTime(child.pid ?? 0)).toBeUndefined();
  });

  it('is found though the process has a name full of parentheses and numbers', async () => {
    const child = spawn('sh', ['-c', 'read go; printf "a) S 1 (2 3" > /proc/$$/comm; echo; read end'], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    const before = processStartTime(child.pid ?? 0);
    child.stdin.write('go\n');
    await once(child.stdout, 'data');
    expect(readFileSync(`/proc/${child.pid}/comm`, 'utf8')).toBe('a) S 1 (2 3\n');
    expect(processStartTime(child.pid ?? 0)).toBe(before);
    child.stdin.end();
    await once(child, 'exit');
  });
});

describe('the clocks', () => {
  it('are joined: monotonic time and the offset give the time of day', () => {
    const [before, now, after] = [Date.now(), monotonicNs() + realtimeOffsetNs(), Date.now()];
    expect(Number(now / 1_000_000n)).toBeGreaterThanOrEqual(before - 1);
    expect(Number(now / 1_000_000n)).toBeLessThanOrEqual(after + 1);
  });
});

describe('the privilege', () => {
  it('of the tests is enough for namespaces', () => {
    expect(['root', 'user-namespace']).toContain(PRIVILEGE);
    const map = readFileSync('/proc/self/uid_map', 'utf8').trim().split(/\s+/);
    expect(PRIVILEGE === 'root').toBe(map.join(' ') === '0 0 4294967295');
  });
});
