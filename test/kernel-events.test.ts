import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BpfEvents } from '../src/kernel/bpf/bpf-events.ts';
import { Btf } from '../src/kernel/bpf/btf.ts';
import { monotonicNs } from '../src/kernel/clock.ts';
import type { KernelSource } from '../src/kernel/kernel-source.ts';
import { NetworkNamespace } from '../src/kernel/namespace.ts';
import { Nftables } from '../src/kernel/nftables.ts';
import { processStartTime } from '../src/kernel/process.ts';
import * as socket from '../src/kernel/socket.ts';
import { ownInstances } from '../src/kernel/trace-instance.ts';
import { TracefsEvents } from '../src/kernel/tracefs.ts';
import type { Watcher } from '../src/lab/event-owners.ts';
import { KernelWatch } from '../src/lab/kernel-watch.ts';
import { formatEndpoint } from '../src/tcp/endpoint.ts';
import { isOfSocket, type KernelEvent, type KernelRecord } from '../src/tcp/kernel-event.ts';
import { IS_ROOT, needRoot, REPOSITORY } from './cli.ts';
import { Conversation } from './conversation.ts';
import { Pair, until } from './namespaces.ts';

/** Whatever a source has reported so far. */
class Watched implements AsyncDisposable {
  readonly source: KernelSource;
  readonly #seen: KernelRecord[] = [];

  constructor(source: KernelSource, ...watched: (Pair | NetworkNamespace)[]) {
    this.source = source;
    for (const one of watched) {
      for (const { inode } of one instanceof Pair ? [one.client, one.server] : [one]) source.watch(inode);
    }
  }

  get seen(): KernelRecord[] {
    this.#seen.push(...this.source.read());
    return this.#seen;
  }

  get events(): KernelEvent[] {
    return this.seen.filter(isOfSocket);
  }

  /** tracefs does not report namespaces, so every tcplab that reads it has its own ports. */
  get port(): number {
    return 40_000 + (this.source.slot ?? 0) * 10;
  }

  has(name: KernelEvent['name'], from: number, to: number): boolean {
    return this.events.some(
      (event) => event.name === name && event.local.port === from && event.remote.port === to,
    );
  }

  /** The state changes of sockets with this local port. */
  changes(address: string, port: number): string[] {
    return this.events.flatMap((event) => {
      if (event.name !== 'inet_sock_set_state' || event.local.port !== port) return [];
      const isOwn = [address, '0.0.0.0', '::'].includes(event.local.address);
      return isOwn ? [`${event.from}→${event.to}`] : [];
    });
  }

  /** The calls of programs and what these returned, as strace would show them. */
  get calls(): string[] {
    return this.seen.flatMap((record) => {
      if (record.name === 'sys_enter') return `${record.call} ${record.detail}`.trim();
      return record.name === 'sys_exit' ? `${record.call} = ${record.result}` : [];
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.source.close();
  }
}

const WAYS = [
  { by: 'BPF', open: async (): Promise<KernelSource> => BpfEvents.open() },
  { by: 'tracefs', open: (): Promise<KernelSource> => TracefsEvents.open() },
];

describe.each(WAYS)('kernel events by $by', ({ by, open }) => {
  it.for(['ipv4', 'ipv6'] as const)(
    'report the state changes of both ends of a connection, in order: %s',
    async (family, context) => {
      needRoot(context, 'kernel events');
      await using pair = await Pair.open();
      await using watched = new Watched(await open(), pair);
      const { port } = watched;
      const listener = pair.listen(port + 1, family);
      const client = pair.connect(port, port + 1, family);
      const accepted = await pair.accept(listener);
      socket.shutdown(client, 'write');
      await until('its FIN', () => socket.receive(accepted)?.length === 0);
      pair.close(accepted);
      await until('the other FIN', () => socket.receive(client)?.length === 0);
      expect(watched.changes(pair.at('client', 0, family).address, port)).toEqual([
        'CLOSED→SYN-SENT',
        'SYN-SENT→ESTABLISHED',
        'ESTABLISHED→FIN-WAIT-1',
        'FIN-WAIT-1→FIN-WAIT-2',
        'FIN-WAIT-2→CLOSED',
      ]);
      const server = watched.changes(pair.at('server', 0, family).address, port + 1);
      // The ACK of the server's FIN may still be under way.
      expect(server.slice(0, 5)).toEqual([
        'CLOSED→LISTEN',
        'LISTEN→SYN-RECEIVED',
        'SYN-RECEIVED→ESTABLISHED',
        'ESTABLISHED→CLOSE-WAIT',
        'CLOSE-WAIT→LAST-ACK',
      ]);
      expect(watched.source.takeLost()).toEqual([]);
    },
  );

  it('are on the clock of our own calls', async (context) => {
    needRoot(context, 'kernel events');
    await using pair = await Pair.open();
    await using watched = new Watched(await open(), pair);
    const beforeNs = monotonicNs();
    pair.listen(watched.port);
    const afterNs = monotonicNs();
    const listened = watched.events.find(({ local }) => local.port === watched.port);
    expect(listened).toMatchObject({ from: 'CLOSED', to: 'LISTEN', pid: process.pid });
    expect(listened?.atNs).toBeGreaterThan(beforeNs);
    expect(listened?.atNs).toBeLessThan(afterNs);
  });

  it('are on the clock of our own calls in a time namespace', async (context) => {
    needRoot(context, 'kernel events');
    await using child = events(by, ['--time', '--monotonic', '1000', '--fork', '--kill-child']);
    await child.hear();
    const port = 48_000;
    const { before, at, after } = JSON.parse(await child.ask(`listen ${port}`)) as Record<string, string>;
    // The namespace is one of its own: its clock is ahead of the machine's.
    expect(BigInt(before ?? 0) - monotonicNs()).toBeGreaterThan(900_000_000_000n);
    expect(BigInt(at ?? 0)).toBeGreaterThan(BigInt(before ?? 0));
    expect(BigInt(at ?? 0)).toBeLessThan(BigInt(after ?? 0));
  });

  it('report retransmissions and resets', async (context) => {
    needRoot(context, 'kernel events');
    await using pair = await Pair.open();
    await using watched = new Watched(await open(), pair);
    const [client, server, closed] = [watched.port, watched.port + 1, watched.port + 2];
    const listener = pair.listen(server);
    const connected = pair.connect(client, server);
    const accepted = await pair.accept(listener);
    const dropping = drop(pair.server, 'input', `tcp dport ${server}`);
    socket.send(connected, Buffer.from('lost'));
    await until('a retransmission', () => watched.has('tcp_retransmit_skb', client, server));
    dropping[Symbol.dispose]();
    pair.abort(accepted);
    await until('a reset that is sent', () => watched.has('tcp_send_reset', server, client));
    await until('a reset that is received', () => watched.has('tcp_receive_reset', client, server));
    const refused = pair.connect(client + 3, closed);
    await until('another that is received', () => watched.has('tcp_receive_reset', client + 3, closed));
    // Older kernels do not report one that no socket sends (before Linux 6.10).
    const hasReason = Btf.running().argumentCount('tcp_send_reset') === 3;
    expect(watched.has('tcp_send_reset', closed, client + 3)).toBe(hasReason);
    pair.close(refused);
    expect(watched.has('tcp_destroy_sock', client + 3, closed)).toBe(true);
  });

  it('report that a SYN-ACK is retransmitted, of a socket that is only a request', async (context) => {
    needRoot(context, 'kernel events');
    await using pair = await Pair.open();
    await using watched = new Watched(await open(), pair);
    const [client, server] = [watched.port, watched.port + 1];
    pair.listen(server);
    using _ = drop(pair.client, 'input', `tcp sport ${server}`);
    pair.connect(client, server);
    await until('its SYN-ACK again', () => watched.has('tcp_retransmit_synack', server, client));
  });

  it('do not change the machine’s mounts', async (context) => {
    needRoot(context, 'kernel events');
    const mounts = () => readFileSync('/proc/self/mountinfo', 'utf8');
    const before = mounts();
    await using _ = new Watched(await open());
    expect(mounts()).toBe(before);
  });

  it('can be closed twice, and report nothing more', async (context) => {
    needRoot(context, 'kernel events');
    await using pair = await Pair.open();
    const source = await open();
    source.watch(pair.server.inode);
    pair.listen(40_000);
    await Promise.all([source.close(), source.close()]);
    await source.close();
    expect([source.read(), source.takeLost()]).toEqual([[], []]);
    source.forget(pair.server.inode);
  });

  it('are only for root of the machine', async () => {
    if (IS_ROOT) await (await open()).close();
    else await expect(open()).rejects.toMatchObject({ code: 'MACHINE', message: /kernel events need root/ });
  });
});

describe('kernel events by BPF', () => {
  it('report only the watched namespace, not another with the same addresses and ports', async (context) => {
    needRoot(context, 'kernel events');
    await using pair = await Pair.open();
    await using other = await Pair.open();
    await using watched = new Watched(BpfEvents.open(), pair);
    for (const one of [other, pair]) {
      const listener = one.listen(80);
      const client = one.connect(40_000, 80);
      one.close(await one.accept(listener));
      one.close(client);
      one.connect(40_001, 81);
      one.close(listener);
    }
    await until('the reset', () => watched.has('tcp_receive_reset', 40_001, 81));
    other.listen(82);
    expect(
      watched.changes(pair.at('server', 0).address, 80).filter((change) => /LISTEN$/.test(change)),
    ).toEqual(['CLOSED→LISTEN']);
    const namespaces = new Set(watched.seen.map(({ namespace }) => namespace));
    expect(namespaces).toEqual(new Set([pair.client.inode, pair.server.inode]));
    watched.source.forget(pair.server.inode);
    const before = watched.seen.length;
    pair.listen(83);
    expect(watched.seen).toHaveLength(before);
  });

  it.for(['ipv4', 'ipv6'] as const)(
    'give the port of a socket that is in SYN-SENT: %s',
    async (family, context) => {
      needRoot(context, 'kernel events');
      await using pair = await Pair.open();
      await using watched = new Watched(BpfEvents.open(), pair);
      using _ = drop(pair.server, 'input', 'tcp dport 80');
      const client = pair.socket('client', family);
      socket.connect(client, pair.at('server', 80, family));
      const [first] = watched.events;
      expect(first).toMatchObject({ from: 'CLOSED', to: 'SYN-SENT', local: { port: 0 } });
      const address = first?.socket ?? 0n;
      expect(watched.source.connecting(address)).toMatchObject({
        local: socket.localEndpoint(client),
        remote: pair.at('server', 80, family),
      });
      // The answer does not count as an event.
      expect(watched.events).toHaveLength(1);
      pair.close(client);
      expect(watched.source.connecting(address)).toBeUndefined();
      expect(watched.source.connecting(0n)).toBeUndefined();
    },
  );

  it('count what a full ring loses by namespace, and name each namespace once', async (context) => {
    needRoot(context, 'kernel events');
    await using pair = await Pair.open();
    await using watched = new Watched(BpfEvents.open({ ringBytes: 65_536 }), pair);
    const changes = (host: 'client' | 'server', count: number) => {
      const fd = pair.socket(host);
      for (let made = 0; made < count; made += 2) {
        socket.listen(fd, 1);
        socket.shutdown(fd, 'read');
      }
      pair.close(fd);
    };
    changes('client', 10);
    changes('server', 4000);
    expect(watched.source.takeLost()).toEqual([pair.server.inode]);
    expect(watched.source.takeLost()).toEqual([]);
    const of = (host: 'client' | 'server') =>
      watched.events.filter(
        ({ name, namespace }) => name === 'inet_sock_set_state' && namespace === pair[host].inode,
      ).length;
    expect(of('client')).toBe(10);
    expect(of('server')).toBeLessThan(4000);
    // What is read makes room.
    changes('client', 100);
    expect(of('client')).toBe(110);
    expect(watched.source.takeLost()).toEqual([]);
    changes('client', 4000);
    expect(watched.source.takeLost()).toEqual([pair.client.inode]);
    changes('server', 10);
    expect(watched.source.takeLost()).toEqual([pair.server.inode]);
  });

  it('hold nothing of the memory behind a dropped packet', async (context) => {
    needRoot(context, 'kernel events');
    await using pair = await Pair.open();
    await using watched = new Watched(BpfEvents.open(), pair);
    pair.connect(40_000, 81);
    const dropped = await until('a drop', () => watched.seen.find((record) => record.name === 'kfree_skb'));
    const packet = dropped.name === 'kfree_skb' ? dropped.packet : Buffer.alloc(0);
    const length = packet.readUInt16BE(2);
    expect(length).toBeLessThan(packet.length);
    expect(packet.subarray(length)).toEqual(Buffer.alloc(packet.length - length));
  });
});

describe('calls of programs by BPF', () => {
  it('are reported with their arguments, ends and results', async (context) => {
    needRoot(context, 'kernel events');
    await using pair = await Pair.open();
    await using watched = watchCalls(pair);
    await using server = python(pair.server);
    await server.ask('s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)');
    await server.ask("s.bind(('0.0.0.0', 80)); s.listen(7)");
    const client = pair.connect(40_000, 80);
    await server.ask('c, _ = s.accept(); c.shutdown(socket.SHUT_WR)');
    await server.ask("c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 5))");
    const fd = await server.ask('answer = c.fileno()');
    await server.ask('c.close()');
    const comm = readFileSync(`/proc/${server.pid}/comm`, 'utf8').trim();
    server.say('os._exit(3)');
    await server.ended();
    expect(watched.calls).toEqual([
      ...['setsockopt SO_REUSEADDR 1', 'setsockopt = 0'],
      ...['listen backlog 7', 'listen = 0'],
      ...['accept4', `accept4 = ${fd}`],
      ...['shutdown SHUT_WR', 'shutdown = 0'],
      ...['setsockopt SO_LINGER {l_onoff=1, l_linger=5}', 'setsockopt = 0'],
      ...['close', 'close = 0'],
    ]);
    const calls = watched.seen.filter(({ name }) => name === 'sys_enter' || name === 'sys_exit');
    for (const call of calls) expect(call).toMatchObject({ pid: server.pid, thread: server.pid, comm });
    const ends = calls.map((record) =>
      'local' in record ? `${formatEndpoint(record.local)} ${formatEndpoint(record.remote)}` : '',
    );
    const own = `${pair.at('server', 80).address}:80 ${formatEndpoint(socket.localEndpoint(client))}`;
    // From the return of accept() on, but after close().
    expect(ends.map((text) => text === own)).toEqual([
      ...[false, false, false, false, false, true],
      ...[true, true, true, true, true, false],
    ]);
    const exit = watched.seen.findIndex((record) => isExitOf(server.pid, record));
    expect(watched.seen[exit]).toMatchObject({ pid: server.pid, comm, status: 3 });
    // The kernel closes what it left open after that.
    const [closed] = watched.seen.slice(exit).filter(isOfSocket);
    expect(closed).toMatchObject({ from: 'LISTEN', to: 'CLOSED' });
  });

  it('are reported with the name of the error', async (context) => {
    needRoot(context, 'kernel events');
    await using pair = await Pair.open();
    await using watched = watchCalls(pair);
    await using client = python(pair.client);
    const { address } = pair.at('server', 0);
    await client.ask(`s = socket.socket(); answer = s.connect_ex(('${address}', 81))`);
    expect(watched.calls).toEqual([`connect ${address}:81`, 'connect = ECONNREFUSED']);
    await client.ask('s.close(); s = socket.socket(socket.AF_INET6)');
    const v6 = pair.at('server', 0, 'ipv6').address;
    await client.ask(`s.setblocking(False); s.connect_ex(('${v6}', 81))`);
    expect(watched.calls.slice(-2)).toEqual([`connect [${v6}]:81`, 'connect = EINPROGRESS']);
  });

  it('are reported while they have not returned, and so is the signal that ends one', async (context) => {
    needRoot(context, 'kernel events');
    await using pair = await Pair.open();
    await using watched = watchCalls(pair);
    using _ = drop(pair.server, 'input', 'tcp dport 80');
    await using client = python(pair.client);
    const { address } = pair.at('server', 0);
    client.say(`s = socket.socket(); s.connect(('${address}', 80))`);
    await until('SYN-SENT', () => watched.events.some((event) => 'to' in event && event.to === 'SYN-SENT'));
    expect(watched.calls).toEqual([`connect ${address}:80`]);
    process.kill(client.pid, 'SIGKILL');
    await client.ended();
    expect(watched.calls).toEqual([`connect ${address}:80`, 'connect = ERESTARTSYS']);
    const exit = watched.seen.find((record) => isExitOf(client.pid, record));
    expect(exit).toMatchObject({ status: 128 + 9 });
  });

  it('are not reported of this process, of another namespace, or of a socket in another', async (context) => {
    needRoot(context, 'kernel events');
    await using pair = await Pair.open();
    await using other = await Pair.open();
    await using watched = watchCalls(pair);
    await using foreign = python(other.server);
    await foreign.ask("s = socket.socket(); s.bind(('0.0.0.0', 80)); s.listen(7)");
    const held = other.listen(81);
    await using holder = python(pair.server, [], [held]);
    await holder.ask('socket.socket(fileno=3).close()');
    // This process is in there, too, while it works.
    pair.server.enter(() => {
      pair.listen(80);
    });
    await holder.ask('s = socket.socket(); s.close()');
    expect(watched.calls).toEqual(['close', 'close = 0']);
  });

  it('have no ends when another socket has taken the descriptor before they return', async (context) => {
    needRoot(context, 'kernel events');
    await using pair = await Pair.open();
    await using watched = watchCalls(pair);
    pair.listen(80);
    const dropping = drop(pair.server, 'input', 'tcp dport 80');
    await using client = python(pair.client);
    const { address } = pair.at('server', 0);
    await client.ask('import threading; s = socket.socket(); fd = s.fileno()');
    await client.ask(
      `thread = threading.Thread(target=lambda: s.connect(('${address}', 80))); thread.start()`,
    );
    await until('its SYN', () => watched.calls.length === 1);
    await client.ask('os.close(fd); other = socket.socket(); answer = other.fileno() == fd');
    await client.ask("other.bind(('0.0.0.0', 99))");
    dropping[Symbol.dispose]();
    await client.ask('thread.join()');
    const returned = watched.seen.filter((record) => record.name === 'sys_exit').at(-1);
    expect(returned).toMatchObject({ call: 'connect', result: '0', local: { port: 0 }, remote: { port: 0 } });
  });

  it('of a process in a PID namespace of its own have its number in this one', async (context) => {
    needRoot(context, 'kernel events');
    await using pair = await Pair.open();
    await using watched = watchCalls(pair);
    await using inner = python(pair.server, ['unshare', '--pid', '--fork', '--kill-child']);
    expect(await inner.ask("answer = os.getpid(); s = socket.socket(); s.bind(('0.0.0.0', 80))")).toBe('1');
    const pid = inner.childPid;
    await inner.ask('s.listen(7)');
    expect(watched.calls).toEqual(['listen backlog 7', 'listen = 0']);
    await inner.ask('import threading; other = threading.Thread(target=lambda: s.listen(8))');
    await inner.ask('other.start(); other.join()');
    expect(watched.calls.slice(2)).toEqual(['listen backlog 8', 'listen = 0']);
    const calls = watched.seen.filter((record) => record.name === 'sys_enter' || record.name === 'sys_exit');
    expect(calls.map((call) => call.pid)).toEqual([pid, pid, pid, pid]);
    const threads = calls.map(({ thread }) => thread);
    expect(threads).toEqual([pid, pid, threads[3], threads[3]]);
    expect(threads[3]).toBeGreaterThan(pid);
  });

  it('of processes outside of this PID namespace are told apart', async (context) => {
    needRoot(context, 'kernel events');
    await using pair = await Pair.open();
    // The watch is inside, and what it watches is out here.
    await using inner = events('BPF', ['--pid', '--fork', '--kill-child', '--mount-proc']);
    await inner.hear();
    await inner.ask(`watch ${pair.server.inode}`);
    await inner.ask('calls');
    await using one = python(pair.server);
    await using two = python(pair.server);
    for (const [port, server] of [one, two].entries())
      await server.ask(`s = socket.socket(); s.bind(('0.0.0.0', ${port + 80})); s.listen(${port})`);
    one.say('s.accept()');
    two.say('s.accept()');
    const seen: (KernelRecord & { call: string; thread: number })[] = [];
    const accepts = async () => {
      seen.push(...(JSON.parse(await inner.ask('read')) as typeof seen));
      return seen.filter(({ name, call }) => name === 'sys_enter' && call === 'accept4');
    };
    let both = await accepts();
    while (both.length < 2) both = await accepts();
    expect(both.map(({ pid }) => pid)).toEqual([0, 0]);
    expect(new Set(both.map(({ thread }) => thread)).size).toBe(2);
  });

  it('of a 32-bit kind are not taken for others of the same number', async (context) => {
    needRoot(context, 'kernel events');
    if (!hasInt80()) context.skip('this machine’s kernel has no int 0x80');
    await using pair = await Pair.open();
    await using watched = watchCalls(pair);
    await using client = python(pair.server);
    await client.ask("s = socket.socket(); s.bind(('0.0.0.0', 80))");
    // read(fd, 0, 0) is call 3 there, which is close() here.
    await client.ask(
      `old = b'${INT_80}'; import ctypes, mmap; memory = mmap.mmap(-1, 4096, prot=7); memory.write(old)`,
    );
    await client.ask('start = ctypes.addressof(ctypes.c_char.from_buffer(memory))');
    const answer = await client.ask(
      'answer = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_int)(start)(3, s.fileno())',
    );
    expect(answer).toBe('0');
    await client.ask('s.listen(7)');
    expect(watched.calls).toEqual(['listen backlog 7', 'listen = 0']);
  });

  it('that return while nothing is attached are not taken for later ones', async (context) => {
    needRoot(context, 'kernel events');
    await using pair = await Pair.open();
    await using watched = watchCalls(pair);
    await using server = python(pair.server);
    await server.ask("s = socket.socket(); s.bind(('0.0.0.0', 80)); s.listen(7)");
    server.say('c, _ = s.accept()');
    await until('the call', () => watched.calls.at(-1) === 'accept4');
    watched.source.watchCalls(false);
    pair.connect(40_000, 80);
    await server.hear();
    watched.source.watchCalls(true);
    await server.ask('os.getppid(); socket.socket(socket.AF_UNIX).close()');
    await server.ask('c.shutdown(socket.SHUT_WR)');
    expect(watched.calls).toEqual([
      ...['listen backlog 7', 'listen = 0', 'accept4'],
      ...['shutdown SHUT_WR', 'shutdown = 0'],
    ]);
  });
});

/** Whether a program can make 32-bit calls: getpid(), number 20. Not every virtual machine lets it. */
function hasInt80(): boolean {
  const getpid = 'b814000000cd80c3';
  const lines = [
    'import ctypes, mmap',
    `memory = mmap.mmap(-1, 4096, prot=7); memory.write(bytes.fromhex('${getpid}'))`,
    'start = ctypes.addressof(ctypes.c_char.from_buffer(memory))',
    'ctypes.CFUNCTYPE(ctypes.c_int)(start)()',
  ];
  return process.arch === 'x64' && spawnSync('python3', ['-c', lines.join('\n')]).status === 0;
}

describe('the watch of a process', () => {
  it('gives a namespace no event of an older one with the same number', async (context) => {
    needRoot(context, 'kernel events');
    const watch = await KernelWatch.acquire();
    if (watch.about.kernelEvents?.by !== 'bpf') context.skip('these events have no namespace');
    // Several: the labs of other tests take the number of one or another.
    const old = Array.from({ length: 8 }, () => {
      const namespace = NetworkNamespace.create();
      const [first, second] = [watcherOf(namespace.inode), watcherOf(namespace.inode)];
      watch.add(first);
      const fd = namespace.enter(() => socket.openTcpSocket('ipv4'));
      socket.listen(fd, 1);
      socket.close(fd);
      watch.remove(first);
      return { namespace, second };
    });
    for (const { namespace } of old) namespace.close();
    // The kernel gives the lowest free number.
    const young: NetworkNamespace[] = [];
    const { second } = await until('a namespace with the number of one of them', () => {
      const namespace = NetworkNamespace.create();
      young.push(namespace);
      return old.find(({ second }) => second.namespace === namespace.inode);
    });
    watch.add(second);
    watch.read();
    expect(second.seen).toEqual([]);
    watch.remove(second);
    for (const namespace of young) namespace.close();
  });

  it('gives what it sees to all that watch a namespace, until they no longer do', async (context) => {
    needRoot(context, 'kernel events');
    const watch = await KernelWatch.acquire();
    if (watch.about.kernelEvents?.by !== 'bpf') context.skip('these events have no namespace');
    const namespace = NetworkNamespace.create();
    const [first, second] = [watcherOf(namespace.inode), watcherOf(namespace.inode)];
    const listen = () => {
      const fd = namespace.enter(() => socket.openTcpSocket('ipv4'));
      socket.listen(fd, 1);
      socket.close(fd);
      watch.read();
      return [first, second].map(({ seen }) => seen.filter((name) => name === 'inet_sock_set_state').length);
    };
    watch.add(first);
    watch.add(second);
    expect(listen()).toEqual([2, 2]);
    watch.remove(first);
    expect(listen()).toEqual([2, 4]);
    watch.remove(second);
    expect(listen()).toEqual([2, 4]);
    namespace.close();
  });
});

function watcherOf(namespace: number): Watcher & { seen: string[] } {
  const seen: string[] = [];
  const see = ({ name }: KernelRecord) => seen.push(name);
  const [lose, miss] = [() => seen.push('lost'), () => seen.push('missed')];
  return { namespace, seen, see, owns: () => true, runs: () => true, lose, miss };
}

describe('kernel events by tracefs', () => {
  it('leave no instance when they are closed', async (context) => {
    needRoot(context, 'tracefs');
    const source = await TracefsEvents.open();
    const name = `${ownInstances()}${source.slot}`;
    expect(inTracefs('ls instances')).toContain(name);
    await source.close();
    expect(inTracefs('ls instances')).not.toContain(name);
  });

  it('have a number each while they are open', async (context) => {
    needRoot(context, 'tracefs');
    const all = [await TracefsEvents.open(), await TracefsEvents.open(), await TracefsEvents.open()];
    expect(new Set(all.map(({ slot }) => slot)).size).toBe(3);
    await Promise.all(all.map((source) => source.close()));
  });

  it('remove what a dead process left when they open, and nothing of a living one', async (context) => {
    needRoot(context, 'tracefs');
    const dead = spawnSync('true').pid;
    const [, here = ''] = ownInstances().split('-');
    const abandoned = `tcplab-${here}-${dead}-1-900`;
    // The same number as a living process, started at another time: that one is dead, too.
    const reused = `tcplab-${here}-${process.ppid}-1-901`;
    const living = `tcplab-${here}-${process.ppid}-${processStartTime(process.ppid)}-902`;
    // Of another PID namespace: there, a process of that number may live.
    const elsewhere = `tcplab-${BigInt(here) + 1n}-${dead}-1-903`;
    inTracefs(`mkdir instances/${abandoned} instances/${reused} instances/${living} instances/${elsewhere}`);
    try {
      await (await TracefsEvents.open()).close();
      const left = inTracefs('ls instances').split('\n');
      expect(left).toEqual(expect.arrayContaining([living, elsewhere]));
      expect(left).not.toContain(abandoned);
      expect(left).not.toContain(reused);
    } finally {
      inTracefs(`rmdir instances/${living} instances/${elsewhere}`);
    }
  });
});

function isExitOf(pid: number, record: KernelRecord): boolean {
  return record.name === 'sched_process_exit' && record.pid === pid;
}

/** Drops packets until it is disposed of. */
function drop(namespace: NetworkNamespace, hook: 'input' | 'output', packets: string): Disposable {
  const nft = namespace.enter(() => new Nftables());
  nft.run(
    `add table inet t; add chain inet t c { type filter hook ${hook} priority 0; }; add rule inet t c ${packets} drop`,
  );
  return {
    [Symbol.dispose]: () => {
      nft.run('delete table inet t');
      nft.close();
    },
  };
}

function watchCalls(pair: Pair): Watched {
  const watched = new Watched(BpfEvents.open(), pair);
  watched.source.watchCalls(true);
  return watched;
}

/** Each line that it is given it runs, and answers with what that has put into `answer`. */
const RUN_LINES = `
import os, socket, struct, sys
answer = None
for line in sys.stdin:
  exec(line, globals())
  print(answer, flush=True)
`;

function python(namespace: NetworkNamespace, wrapped: readonly string[] = [], fds: readonly number[] = []) {
  return namespace.enter(() => new Conversation([...wrapped, 'python3', '-c', RUN_LINES], fds));
}

/** Another process that watches, in namespaces of its own. It says first that it is ready. */
function events(by: string, namespaces: readonly string[]): Conversation {
  const program = join(REPOSITORY, 'test/programs/kernel-events.mjs');
  return new Conversation(['unshare', ...namespaces, process.execPath, program, by === 'BPF' ? 'bpf' : by]);
}

/** A function of two numbers: makes the 32-bit call of the first number with the second. */
const INT_80 = [
  ...['53', '89f8', '89f3', '31c9', '31d2'], // push rbx; mov eax, edi; mov ebx, esi; xor ecx, ecx; xor edx, edx
  ...['cd80', '5b', 'c3'], // int 0x80; pop rbx; ret
]
  .join('')
  .replace(/../g, '\\x$&');

/** Runs a command in the root of tracefs, in a mount namespace of its own. */
function inTracefs(command: string): string {
  const script = `mount -t tracefs tracefs /mnt && cd /mnt && ${command}`;
  const { status, stdout, stderr } = spawnSync('unshare', ['--mount', 'sh', '-c', script], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
  return stdout;
}
