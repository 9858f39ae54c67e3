import { describe, expect, it } from 'vitest';
import { NetworkNamespace } from '../src/kernel/namespace.ts';
import { setLoopbackUp } from '../src/kernel/rtnetlink.ts';
import { SocketTable } from '../src/kernel/sock-diag.ts';
import * as kernel from '../src/kernel/socket.ts';
import { isEnterable } from '../src/lab/host.ts';
import { Lab } from '../src/lab/lab.ts';
import { TableWatch } from '../src/lab/table-watch.ts';
import { CATALOGUE } from '../src/scenario/catalogue.ts';
import { established } from '../src/scenario/opening.ts';
import { stageOf } from '../src/scenario/reach.ts';
import { runScenario } from '../src/scenario/run.ts';
import { Turn } from '../src/scenario/turn.ts';
import type { SocketRow } from '../src/tcp/socket-row.ts';

const shown = (rows: SocketRow[]) => rows.map(({ local, state }) => `${local.port} ${state}`).sort();

/** A namespace with a TableWatch and a full read of its socket table, which must always agree. */
class Watched implements Disposable {
  readonly namespace: NetworkNamespace = NetworkNamespace.create();
  readonly table: SocketTable;
  readonly watch: TableWatch;
  readonly #sockets: number[] = [];

  constructor() {
    this.table = this.namespace.enter(() => {
      setLoopbackUp();
      return new SocketTable();
    });
    this.watch = new TableWatch(this.table, { isNew: true });
  }

  bind(port: number): number {
    const fd = this.namespace.enter(() => kernel.openTcpSocket('ipv4'));
    this.#sockets.push(fd);
    kernel.bind(fd, { address: '127.0.0.1', port });
    return fd;
  }

  [Symbol.dispose](): void {
    for (const fd of this.#sockets) kernel.close(fd);
    this.table.close();
    this.namespace.close();
  }
}

describe('a watched socket table', () => {
  it('shows a bound socket at once if expectBound() announced it', () => {
    using watched = new Watched();
    expect(shown(watched.watch.read())).toEqual([]);
    watched.bind(7);
    watched.watch.expectBound(7);
    expect(shown(watched.watch.read())).toEqual(['7 CLOSED']);
    expect(shown(watched.watch.read())).toEqual(['7 CLOSED']);
  });

  it('shows one that nobody told of when others may bind, and else within a second or so', async () => {
    using watched = new Watched();
    watched.watch.read();
    watched.bind(7);
    watched.watch.hasGuests = true;
    expect(shown(watched.watch.read())).toEqual(['7 CLOSED']);

    using alone = new Watched();
    alone.bind(8);
    await expect.poll(() => shown(alone.watch.read()), { timeout: 30_000 }).toEqual(['8 CLOSED']);
  });

  it('shows at once what a connection that is gone has left bound', () => {
    using watched = new Watched();
    const listener = watched.bind(7);
    kernel.listen(listener, 5);
    kernel.connect(watched.bind(8), { address: '127.0.0.1', port: 7 });
    const met = ['7 ESTABLISHED', '7 LISTEN', '8 ESTABLISHED'];
    expect(shown(watched.watch.read())).toEqual(met);
    kernel.abort(kernel.accept(listener) as number);
    expect(shown(watched.watch.read())).toEqual(['7 LISTEN', '8 CLOSED']);
  });

  it('shows a connect() that was refused between two looks', () => {
    using watched = new Watched();
    watched.watch.read();
    const socket = watched.bind(8);
    watched.watch.expectBound(8);
    kernel.connect(socket, { address: '127.0.0.1', port: 7 });
    expect(kernel.takeError(socket)).toBe('ECONNREFUSED');
    expect(shown(watched.watch.read())).toEqual(['8 CLOSED']);
  });
});

it('a lab’s host shows a socket that its own calls, or a guest’s, have bound', async () => {
  await using lab = await Lab.open();
  await lab.observe();
  const socket = await lab.client.openSocket();
  await lab.client.bind(socket, { address: lab.client.address, port: 1234 });
  expect(shown((await lab.observe()).client)).toEqual(['1234 CLOSED']);

  expect((await lab.observe()).server).toEqual([]);
  const { server } = lab;
  if (!isEnterable(server)) throw new Error('a namespace can be entered');
  const guest = server.within(() => {
    const fd = kernel.openTcpSocket('ipv4');
    kernel.bind(fd, { address: server.address, port: 5678 });
    return fd;
  });
  expect(shown((await lab.observe()).server)).toEqual(['5678 CLOSED']);
  kernel.close(guest);
});

it.each([
  ['which has its cookie', true],
  ['the first that is seen of both', false],
])('a lab’s host shows an open socket as soon as it shows its TIME-WAIT, %s', async (_, wasSeen) => {
  await using lab = await Lab.open();
  const { connection, clientSocket, serverSocket } = await established(stageOf(lab));
  if (wasSeen) await lab.observe();
  await lab.client.shutdown(clientSocket);
  await lab.server.close(serverSocket);
  const rows = await lab.waitFor('TIME-WAIT', async () => {
    const { client } = await lab.observe();
    return client.some(({ state }) => state === 'TIME-WAIT') ? client : undefined;
  });
  const { port } = connection.client;
  expect(shown(rows)).toEqual([`${port} CLOSED`, `${port} TIME-WAIT`]);
  // The kernel gives a socket its cookie when somebody asks for it.
  expect(new Set(rows.map(({ cookie }) => cookie)).size).toBe(wasSeen ? 1 : 2);
});

it('no scenario has a socket, when it is held, that its lab does not show', async () => {
  const turn = new Turn();
  const looks = CATALOGUE.map(async (scenario) => {
    const [told, whole]: [string[][], string[][]] = [[], []];
    const during = async (lab: Lab) => {
      const tables = await lab.observe();
      for (const host of [lab.client, lab.server]) {
        if (!isEnterable(host)) throw new Error('a namespace can be entered');
        const table = host.within(() => new SocketTable());
        told.push(shown(tables[host.name]));
        whole.push(shown(table.read()));
        table.close();
      }
    };
    await runScenario(scenario, { turn, during });
    expect([scenario.id, told]).toEqual([scenario.id, whole]);
    expect([scenario.id, told.length]).toEqual([scenario.id, 2]);
  });
  await Promise.all(looks);
});
