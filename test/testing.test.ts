import { readdirSync, readlinkSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import {
  assertState,
  createLab,
  type TestConnection,
  type TestLab,
  type TestLabOptions,
} from '../src/testing/index.ts';
import '../src/testing/vitest.ts';
import { eventually, run, TCPLAB, tcplabAsOrdinaryUser, temporaryFolder } from './cli.ts';

const keep = temporaryFolder();
const open = (options: TestLabOptions = {}) => createLab({ keep, ...options });

const once = (emitter: NodeJS.EventEmitter, name: string): Promise<void> =>
  new Promise((resolve, reject) => {
    emitter.once(name, () => resolve()).once('error', reject);
  });

async function failure(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'it did not fail',
    (error: Error) => error.message,
  );
}

describe('a connection of a lab', () => {
  it.each([[{}], [{ ipv6: true }], [{ firewall: 'iptables' as const }], [{ serverPort: 8080 }]])(
    'is ESTABLISHED at both ends, and speaks both ways: %j',
    async (options) => {
      await using lab = await open(options);
      const connection = await lab.connected();
      await expect(connection).toBeInState('ESTABLISHED', { on: 'client', within: 0 });
      await expect(connection).toBeInState('ESTABLISHED', { on: 'server', within: 0 });
      await connection.client.send('hello');
      expect(String(await connection.server.receive())).toBe('hello');
      await connection.server.send(Buffer.from('yes?'));
      expect(String(await connection.client.receive())).toBe('yes?');
      expect(connection.server.local.port).toBe(lab.serverPort);
    },
  );

  it('goes through a whole close', async () => {
    await using lab = await open();
    const connection = await lab.connected();
    await connection.client.shutdown();
    await expect(connection).toBeInState('CLOSE-WAIT', { on: 'server' });
    await expect(connection).toBeInState('FIN-WAIT-2', { on: 'client' });
    expect(await connection.server.receive()).toHaveLength(0);
    await connection.server.send('the rest');
    await connection.server.close();
    expect(String(await connection.client.receive())).toBe('the rest');
    await connection.client.close();
    await expect(connection).toBeInState('time_wait', { on: 'client' });
    await expect(connection).toBeInState('CLOSED', { on: 'server' });
  });

  it('is reset', async () => {
    await using lab = await open();
    const connection = await lab.connected();
    await connection.client.reset();
    await expect(connection).toBeInState('CLOSED', { on: 'server' });
    expect(await connection.server.error()).toBe('ECONNRESET');
    expect(await failure(connection.client.send('x'))).toBe(
      "the client's end can't send: it is already closed or reset",
    );
  });

  it('is the same object for who connects and who accepts', async () => {
    await using lab = await open();
    await using listener = await lab.server.listen();
    const [first, second] = [await lab.client.connect(), await lab.client.connect()];
    expect(await failure(first.server.send('x'))).toContain('waits in the accept queue');
    expect(await listener.accept()).toBe(first);
    expect(await listener.accept()).toBe(second);
    expect(await failure(listener.accept({ within: 20 }))).toBe(
      'no connection to accept arrived on port 80 within 20 ms',
    );
  });

  it('is refused where nobody listens, and says so', async () => {
    await using lab = await open();
    const connection = await lab.client.connect({ port: 4711 });
    await expect(connection).toBeInState('CLOSED', { on: 'client' });
    expect(await connection.client.error()).toBe('ECONNREFUSED');
  });

  it('finds more connections than a lab has ports of its own', async () => {
    await using lab = await open();
    await lab.server.listen({ backlog: 64 });
    const all: TestConnection[] = [];
    for (let index = 0; index < 40; index++) all.push(await lab.connected());
    expect(new Set(all.map(String)).size).toBe(40);
    // The next lab's own are right beyond its own; what the kernel chooses is beyond those of all.
    expect(all.filter(({ client }) => client.local.port < 32_768).length).toBeLessThanOrEqual(12);
    for (const each of all) await expect(each).toBeInState('ESTABLISHED', { on: 'server', within: 0 });
  });
});

describe('rules', () => {
  it('drop by direction and flags, until they are removed', async () => {
    await using lab = await open();
    const connection = await lab.connected();
    const rule = await lab.server.drop({ flags: 'F' });
    await connection.client.shutdown();
    await expect(connection).toBeInState('FIN-WAIT-1', { on: 'client' });
    await expect(connection).toBeInState('ESTABLISHED', { on: 'server' });
    expect(await rule.met()).toBeGreaterThan(0);
    await rule.lift();
    await rule.lift();
    await expect(connection).toBeInState('CLOSE-WAIT', { on: 'server', within: 3000 });
    await expect(connection).toBeInState('FIN-WAIT-2', { on: 'client' });
  });

  it('are removed at the end of their block', async () => {
    await using lab = await open();
    await lab.server.listen();
    const connection = await (async () => {
      await using rule = await lab.server.drop({ direction: 'out', flags: 'S.' });
      const syn = await lab.client.connect();
      await expect(syn).toBeInState('SYN-SENT', { on: 'client' });
      await expect(syn).toBeInState('SYN_RECV', { on: 'server' });
      expect(await rule.met()).toBeGreaterThan(0);
      return syn;
    })();
    await expect(connection).toBeInState('ESTABLISHED', { on: 'client', within: 5000 });
  });

  it.each([
    ['rst', 'ECONNREFUSED'],
    ['port-unreachable', 'ECONNREFUSED'],
    ['host-unreachable', 'EHOSTUNREACH'],
    ['administratively-prohibited', 'EHOSTUNREACH'],
  ] as const)('reject with %s', async (answer, errno) => {
    await using lab = await open();
    await lab.server.listen();
    await lab.server.reject({ with: answer });
    const connection = await lab.client.connect();
    // During connect() an ICMP error may only be a soft error. Then the error for the next SYN ends the attempt.
    await expect(connection).toBeInState('CLOSED', { on: 'client', within: 3000 });
    expect(await connection.client.error()).toBe(errno);
  });

  it('tell what connect() itself gave, once', async () => {
    await using lab = await open();
    await lab.connected();
    const [known = ''] = (await lab.client.sockets()).map(({ local }) => `${local.port}`);
    const again = await lab.client
      .connect({ localPort: Number(known) })
      .catch((error: Error) => error.message);
    expect(again).toMatch(/EADDRINUSE/);
    await lab.client.reject({ direction: 'out', flags: 'S' });
    const connection = await lab.client.connect();
    await expect(connection).toBeInState('CLOSED', { on: 'client', within: 3000 });
    expect([await connection.client.error(), await connection.client.error()]).toEqual([
      'ECONNREFUSED',
      null,
    ]);
  });

  it('want flags as tcpdump writes them', async () => {
    await using lab = await open();
    await expect(lab.server.drop({ flags: 'SYN,FIN' })).rejects.toThrow("flags in tcpdump's letters");
  });
});

describe('programs', () => {
  const SERVER = `
    const server = require('node:net').createServer({ allowHalfOpen: true }, (socket) => socket.on('error', () => {}).resume());
    server.listen(8080, () => console.log('ready'));
    process.on('SIGUSR1', () => console.log('signalled'));`;

  it('are waited for until they listen, and lead the life that they lead', async () => {
    await using lab = await open({ serverPort: 8080 });
    const program = await lab.server.start([process.execPath, '-e', SERVER], { port: 8080 });
    const connection = await lab.client.connect();
    await expect(connection).toBeInState('ESTABLISHED', { on: 'server' });
    await connection.client.shutdown();
    // It never closes its end.
    await expect(connection).toBeInState('CLOSE-WAIT', { on: 'server' });
    await eventually('its word', () => program.output.includes('ready'));
    program.signal('SIGUSR1');
    await eventually('its answer', () => program.output.includes('signalled'));
    expect(await program.stop()).toBe(128 + 15);
    expect(await program.ended).toBe(128 + 15);
    await expect(connection).not.toBeInState('CLOSE-WAIT', { on: 'server' });
  });

  it('that exit before they listen, or never listen, are reported with their output, and stopped', async () => {
    await using lab = await open();
    const ended = lab.server.start('echo oh no; exit 3', { port: 80 });
    expect(await failure(ended)).toBe(
      'the program of the server (echo oh no; exit 3) exited with status 3 before it listened on port 80; its output:\noh no',
    );
    const idle = lab.server.start('echo waiting; exec sleep 60', { port: 80, within: 200 });
    expect(await failure(idle)).toBe(
      'the program of the server (echo waiting; exec sleep 60) did not listen on port 80 within 200 ms; its output:\nwaiting',
    );
    expect(lab.timeline.of('program-ended')).toHaveLength(2);
  });

  it('and their connections are found', async () => {
    await using lab = await open();
    const listener = await lab.server.listen();
    const script = `exec 3<>/dev/tcp/${lab.server.address}/80; exec sleep 60`;
    await lab.client.start(['bash', '-c', script]);
    const connection = await lab.nextConnection();
    expect(await listener.accept()).toBe(connection);
    await expect(connection).toBeInState('ESTABLISHED', { on: 'client' });
    expect(await failure(connection.client.send('x'))).toContain("its socket is a program's or the test's");
  });
});

describe('the test’s own sockets', () => {
  const place = () => readlinkSync('/proc/thread-self/ns/net');
  const home = place();

  it('of net.connect are in the host, with an address or a name', async () => {
    await using lab = await open();
    const listener = await lab.server.listen();
    for (const make of [
      () => net.connect(80, lab.server.address),
      () => net.connect({ host: lab.server.address, port: 80, localAddress: lab.client.address }),
      () => new net.Socket().connect(80, lab.server.address),
    ]) {
      const socket = lab.client.run(make);
      const connection = await lab.connectionOf(socket);
      expect(await listener.accept()).toBe(connection);
      await expect(connection).toBeInState('ESTABLISHED', { on: 'client', within: 0 });
      const received = once(socket, 'data');
      await connection.server.send('hello');
      await received;
      socket.destroy();
      await expect(connection).toBeInState('CLOSE-WAIT', { on: 'server' });
      await connection.server.close();
    }
    expect(place()).toBe(home);
  });

  it('that are still on their way are connections too', async () => {
    await using lab = await open();
    await lab.server.drop();
    const socket = lab.client.run(() => net.connect(80, lab.server.address));
    const connection = await lab.connectionOf(socket);
    await expect(connection).toBeInState('SYN-SENT', { on: 'client', within: 0 });
  });

  it('of servers are in the host, and so are those that they accept', async () => {
    await using lab = await open();
    const server = lab.server.run(() =>
      net.createServer((socket) => socket.end('bye')).listen(80, lab.server.address),
    );
    await once(server, 'listening');
    const connection = await lab.client.connect();
    expect(String(await connection.client.receive())).toBe('bye');
    expect((await lab.server.sockets()).map(({ state }) => state)).toContain('LISTEN');
    expect(place()).toBe(home);
  });

  it('of http are in the host: requests, servers, agents', async () => {
    await using lab = await open();
    const server = lab.server.run(() =>
      http.createServer((_, answer) => answer.end('hello')).listen(80, lab.server.address),
    );
    await once(server, 'listening');
    const agent = new http.Agent({ keepAlive: true });
    const get = () =>
      new Promise<string>((resolve, reject) => {
        const request = http.get({ host: lab.server.address, agent }, (answer) => {
          let text = '';
          answer
            .setEncoding('utf8')
            .on('data', (part: string) => (text += part))
            .once('end', () => resolve(text));
        });
        request.once('error', reject);
      });
    expect(await lab.client.run(get)).toBe('hello');
    expect(await lab.client.run(get)).toBe('hello');
    const connections = (await lab.client.sockets()).filter(({ state }) => state === 'ESTABLISHED');
    expect(connections).toHaveLength(1);
    agent.destroy();
  });

  it('of asynchronous work are in the host wherever they are made: fetch, timers, promises', async () => {
    await using lab = await open();
    const server = lab.server.run(() => http.createServer((_, answer) => answer.end('hello')).listen(80));
    await once(server, 'listening');
    const places = await lab.client.run(async () => {
      const seen = [place()];
      const answer = await fetch(`http://${lab.server.address}/`);
      expect(await answer.text()).toBe('hello');
      seen.push(place());
      await pause(5);
      seen.push(place());
      await turn();
      seen.push(place());
      await new Promise<void>((resolve) => process.nextTick(resolve));
      seen.push(place());
      await new Promise<void>((resolve) => queueMicrotask(resolve));
      seen.push(place());
      return seen;
    });
    expect(new Set(places).size).toBe(1);
    expect(places[0]).not.toBe(home);
    expect(place()).toBe(home);
  });

  it('of fetch are each lab’s own, one lab after the other', async () => {
    for (const word of ['first', 'second', 'third']) {
      await using lab = await open();
      const server = lab.server.run(() => http.createServer((_, answer) => answer.end(word)).listen(80));
      await once(server, 'listening');
      const ask = async () => (await fetch(`http://${lab.server.address}/`)).text();
      expect(await lab.client.run(ask)).toBe(word);
    }
  });

  it('have emitted close before their lab is closed', async () => {
    const lab = await open();
    const closed: string[] = [];
    const server = lab.server.run(() => net.createServer().listen(80));
    server.once('connection', (accepted) => accepted.once('close', () => closed.push('accepted')));
    server.once('close', () => closed.push('server'));
    await once(server, 'listening');
    const connected = once(server, 'connection');
    const socket = lab.client.run(() => net.connect(80, lab.server.address));
    socket.once('close', () => closed.push('socket'));
    await connected;
    await lab.close();
    expect(closed.toSorted()).toEqual(['accepted', 'server', 'socket']);
  });

  it('of two labs at once, and of nobody, do not meet', async () => {
    await using one = await open();
    await using other = await open();
    const walk = async () => {
      const seen = new Set<string>();
      for (let step = 0; step < 50; step++) {
        await (step % 3 === 0 ? turn() : step % 3 === 1 ? pause(1) : null);
        seen.add(place());
      }
      return [...seen];
    };
    const seen = await Promise.all([
      one.client.run(walk),
      other.client.run(walk),
      one.server.run(walk),
      walk(),
    ]);
    expect(seen.map(({ length }) => length)).toEqual([1, 1, 1, 1]);
    expect(new Set(seen.flat()).size).toBe(4);
    expect(seen[3]).toEqual([home]);
  });

  it('that throws is back at home', async () => {
    await using lab = await open();
    expect(() =>
      lab.client.run(() => {
        throw new Error('so');
      }),
    ).toThrow('so');
    expect(place()).toBe(home);
    await expect(
      lab.client.run(async () => {
        await turn();
        throw new Error('late');
      }),
    ).rejects.toThrow('late');
    expect(place()).toBe(home);
  });

  it('may use the lab, and other hosts, from inside', async () => {
    await using lab = await open();
    const inside = lab.client.run(() => place());
    const [server, after] = lab.client.run(() => [lab.server.run(() => place()), place()]);
    expect(after).toBe(inside);
    expect(new Set([inside, server, home]).size).toBe(3);
    const later = await lab.client.run(async () => {
      const connection = await lab.connected();
      await connection.client.close();
      return place();
    });
    expect(later).toBe(inside);
    expect(place()).toBe(home);
  });

  it('may open a lab from inside, whose home is ours', async () => {
    await using lab = await open();
    await using inner = await lab.client.run(() => open());
    await inner.connected();
    inner.client.run(() => place());
    expect(place()).toBe(home);
  });

  it('end with the lab, without an error', async () => {
    const errors: Error[] = [];
    const closed: Promise<void>[] = [];
    {
      await using lab = await open();
      const server = lab.server.run(() =>
        net
          .createServer((socket) => {
            socket.on('error', (error) => errors.push(error));
          })
          .listen(80),
      );
      await once(server, 'listening');
      const socket = lab.client.run(() => net.connect(80, lab.server.address));
      socket.on('error', (error) => errors.push(error));
      await once(socket, 'connect');
      for (const each of [server, socket])
        closed.push(new Promise((resolve) => each.once('close', () => resolve())));
    }
    await Promise.all(closed);
    expect(errors).toEqual([]);
  });
});

describe('an assertion that fails', () => {
  async function failing(lab: TestLab): Promise<TestConnection> {
    const connection = await lab.connected();
    await lab.server.drop({ direction: 'in', flags: 'F' });
    await connection.client.shutdown();
    return connection;
  }

  it('shows what was there instead, the ladder and both tables, and keeps the files', async () => {
    await using lab = await open();
    const connection = await failing(lab);
    const text = await failure(expect(connection).toBeInState('CLOSE-WAIT', { on: 'server', within: 60 }));
    expect(text).toMatch(/^the server is in ESTABLISHED, not in CLOSE-WAIT \(read \d+ times in \d+ ms\)\n/);
    expect(text).toContain('FIN-WAIT-1');
    expect(text).toContain('drop');
    expect(text).toContain('sockets of the client:\n  FIN-WAIT-1');
    expect(text).toContain('sockets of the server:\n');
    expect(text.includes('\x1b')).toBe(false);
    const folder = /^saved: (\S+)\/timeline\.ndjson .* packets\.pcapng/m.exec(text)?.[1] ?? '';
    expect(folder.startsWith(join(keep, 'an-assertion-that-fails-'))).toBe(true);
    expect(readdirSync(folder).sort()).toEqual(['packets.pcapng', 'timeline.ndjson']);
    const replayed = await run([...TCPLAB, 'replay', join(folder, 'timeline.ndjson'), '--ladder']);
    expect(replayed.stderr).toBe('');
    expect(replayed.stdout).toContain('disproven');
    expect(replayed.stdout).toContain('saw ESTABLISHED, not CLOSE-WAIT');
    const packets = await run(['tshark', '-r', join(folder, 'packets.pcapng'), '-Y', 'tcp.flags.fin']);
    expect(packets).toMatchObject({ status: 0 });
    expect(packets.stdout).toContain('[FIN, ACK]');
  });

  it('is the same by assertState, and for a state that does not end', async () => {
    await using lab = await open();
    const connection = await failing(lab);
    const text = await failure(
      assertState(connection, 'closewait', { on: 'server', within: 20, test: 'My test' }),
    );
    expect(text).toMatch(/^the server is in ESTABLISHED, not in CLOSE-WAIT/);
    expect(text).toContain(`saved: ${join(keep, 'my-test-')}`);
    const not = await failure(expect(connection).not.toBeInState('ESTAB', { on: 'server', within: 20 }));
    expect(not).toMatch(/^the server is still in ESTABLISHED/);
    const seen = await assertState(connection, 'FIN_WAIT1', { on: 'client' });
    expect(seen).toMatchObject({ state: 'FIN-WAIT-1', bySegments: 'FIN-WAIT-1', host: 'client' });
  });

  it('says when the segments tell otherwise than the table', async () => {
    await using lab = await open();
    const connection = await lab.connected();
    // No segment shows that TCP_USER_TIMEOUT ends the connection.
    await lab.server.drop({ direction: 'out' });
    const { client, server } = connection;
    await server.setOption('TCP_USER_TIMEOUT', 50);
    await server.send('x');
    await expect(connection).toBeInState('CLOSED', { on: 'server', within: 5000 });
    expect(client.local.port).toBeGreaterThan(0);
    const text = await failure(expect(connection).toBeInState('ESTABLISHED', { on: 'server', within: 0 }));
    expect(text).toMatch(/^the server is in CLOSED, not in ESTABLISHED \(read once\)/);
    expect(text).toContain('\nthe segments alone suggest that the server is in ESTABLISHED\n');
  });

  it('that can’t keep its files still says all', async () => {
    await using lab = await open({ keep: '/dev/null/kept' });
    const connection = await lab.connected();
    const text = await failure(expect(connection).toBeInState('LISTEN', { on: 'client', within: 0 }));
    expect(text).toMatch(/could not save the timeline and packets: (not a directory|file already exists)$/);
  });

  it('tells wrong use apart', async () => {
    await using lab = await open();
    const connection = await lab.connected();
    expect(await failure(expect(connection).toBeInState('OPEN', { on: 'client' }))).toContain(
      'state: expected "CLOSED" or "LISTEN"',
    );
    expect(await failure(expect(connection).toBeInState('LISTEN', { on: 'host' as 'client' }))).toContain(
      'options.on: expected "client" or "server", found "host"',
    );
    expect(await failure(expect(7).toBeInState('LISTEN', { on: 'client' }))).toContain(
      'expected a connection of a lab, found 7',
    );
  });
});

describe('labs', () => {
  const descriptors = () => readdirSync('/proc/self/fd').length;

  it('one after the other leave no descriptor and no memory', { timeout: 120_000 }, async () => {
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc') as () => void;
    const used = async () => {
      for (let round = 0; round < 5; round++) {
        await turn();
        gc();
      }
      return process.memoryUsage().heapUsed;
    };
    const whole = async () => {
      await using lab = await open();
      const connection = await lab.connected();
      await lab.server.drop({ flags: 'F' });
      await connection.client.shutdown();
      await expect(connection).toBeInState('FIN-WAIT-1', { on: 'client' });
      const server = lab.server.run(() => net.createServer().listen(8080));
      await once(server, 'listening');
      await once(
        lab.client.run(() => net.connect(8080, lab.server.address)),
        'connect',
      );
    };
    for (let count = 0; count < 20; count++) await whole();
    const before = { heap: await used(), descriptors: descriptors() };
    for (let count = 0; count < 100; count++) await whole();
    const after = { heap: await used(), descriptors: descriptors() };
    expect(after.descriptors).toBe(before.descriptors);
    const growth = (after.heap - before.heap) / 100;
    expect(growth).toBeLessThan(10_000);
  });

  it('that are over say so', async () => {
    const lab = await open();
    const connection = await lab.connected();
    const forgotten = failure(expect(connection).toBeInState('CLOSE-WAIT', { on: 'server' }));
    await lab.close();
    expect(await forgotten).toBe('this lab is already closed: is an `await` missing before a call on it?');
    expect(await failure(connection.client.state())).toContain('this lab is already closed');
    expect(() => lab.client.run(() => net.connect(80, lab.server.address))).toThrow(
      'this lab is already closed',
    );
  });

  it('draw what has happened', async () => {
    await using lab = await open();
    await using rule = await lab.client.reject({
      direction: 'out',
      destinationPort: 81,
      with: 'host-unreachable',
    });
    await lab.connected();
    expect(await rule.met()).toBe(0);
    const ladder = await lab.ladder();
    expect(ladder).toContain('ESTABLISHED │◀─────── [S.] SYN-ACK  seq 0 ack 1 ─┤ SYN-RECEIVED');
    expect(lab.timeline.of('call').map(({ call }) => call)).toContain('accept');
  });

  it('at once do not disturb each other', async () => {
    const seen = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        await using lab = await open();
        const connection = await lab.connected();
        // Each second one is cut off from its peer.
        if (index % 2) await lab.server.drop();
        await connection.client.send(`${index}`);
        await connection.client.shutdown();
        if (index % 2) {
          await expect(connection).toBeInState('FIN-WAIT-1', { on: 'client' });
          await expect(connection).toBeInState('ESTABLISHED', { on: 'server' });
          return index;
        }
        await expect(connection).toBeInState('CLOSE-WAIT', { on: 'server' });
        await expect(connection).toBeInState('FIN-WAIT-2', { on: 'client' });
        expect(await lab.client.sockets()).toHaveLength(1);
        return Number(String(await connection.server.receive()));
      }),
    );
    expect(seen).toEqual(Array.from({ length: 20 }, (_, index) => index));
  });
});

describe('a process that may not make networks', () => {
  const script = (main: string) => `
    import { createLab } from ${JSON.stringify(join(main, '../../testing/index.js'))};
    try {
      const lab = await createLab();
      const connection = await lab.connected();
      console.log(await connection.client.state());
      await lab.close();
    } catch (error) {
      console.log(error.code, error.message);
    }`;

  it('gets an error that explains how to allow them', async () => {
    const command = tcplabAsOrdinaryUser();
    const main = command.pop() ?? '';
    const { stdout } = await run([...command, '--input-type=module', '-e', script(main)]);
    expect(stdout).toMatch(
      /^MACHINE can't create a lab, because this process is not allowed to create network namespaces/,
    );
    expect(stdout).toContain('npx tcplab exec -- npx vitest run');
  });

  it('may, in a private network', async () => {
    const command = tcplabAsOrdinaryUser();
    const [node = '', main = ''] = command.splice(-2);
    const inside = ['unshare', '--user', '--map-root-user', '--net', '--mount', '--', node];
    const { stdout } = await run([...command, ...inside, '--input-type=module', '-e', script(main)]);
    expect(stdout).toBe('ESTABLISHED\n');
  });
});
