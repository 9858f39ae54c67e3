import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Connection } from '../src/evidence/connection.ts';
import type { HostName } from '../src/evidence/events.ts';
import type { Timeline } from '../src/evidence/timeline.ts';
import { stateHistoryOf } from '../src/evidence/transitions.ts';
import { Middle } from '../src/lab/middle.ts';
import { stageOf } from '../src/scenario/reach.ts';
import { startListening } from '../src/scenario/started-program.ts';
import { allLiving, needRoot, REPOSITORY } from './cli.ts';

/** Two labs share the host of a relay, and each sees its own side of it. */

const RELAY = [
  'python3',
  join(REPOSITORY, 'test/programs/relays/correct.py'),
  '{port}',
  '192.168.2.11',
  '80',
];

afterAll(() => expect(allLiving()).toEqual([]));

/** A connection through a relay, which has passed one message on. */
async function through(middle: Middle, relay: readonly string[] = RELAY) {
  const { front, back } = middle;
  const { waitFor } = stageOf(front);
  const listener = await back.server.openSocket();
  await back.server.bind(listener, back.serverEndpoint());
  await back.server.listen(listener, 5);
  await startListening(front, front.server, relay, waitFor);
  const client = await front.client.openSocket();
  const local = front.nextClientEndpoint();
  await front.client.bind(client, local);
  await front.client.connect(client, front.serverEndpoint());
  const server = await waitFor('the relay connects', () => back.server.accept(listener));
  const relayed = await back.server.remoteEndpoint(server);
  if (!relayed) throw new Error('not connected');
  await front.client.send(client, Buffer.from('hi'));
  await waitFor('a message', async () => (await back.server.receive(server))?.length === 2);
  const legs: Record<'front' | 'back', Connection> = {
    front: { client: local, server: front.serverEndpoint() },
    back: { client: relayed, server: back.serverEndpoint() },
  };
  return { client, server, legs, waitFor };
}

function statesOf(timeline: Timeline, connection: Connection, host: HostName) {
  const { transitions } = stateHistoryOf(timeline, connection);
  return transitions.filter((one) => one.host === host);
}

describe.each(['ipv4', 'ipv6'] as const)('a relay over %s', (family) => {
  const address = family === 'ipv4' ? '192.168.2.1' : 'fd00:2::1';

  it('has both of its ends proven, each in the lab of its side', async (context) => {
    needRoot(context, 'kernel events');
    await using middle = await Middle.open({ family, port: 8000 });
    const { front, back } = middle;
    const relay = family === 'ipv4' ? RELAY : SIX;
    const { client, server, legs, waitFor } = await through(middle, relay);
    expect([front.server.address, back.client.address]).toEqual([address, address]);
    for (const lab of [front, back]) await lab.observe();
    await front.client.close(client);
    await waitFor('the FIN, passed on', async () => (await back.server.receive(server))?.length === 0);
    await waitFor('FIN-WAIT-2', async () =>
      (await back.observe()).client.some(({ state }) => state === 'FIN-WAIT-2'),
    );
    await back.server.close(server);
    await waitFor('the end', async () => {
      const rows = [...(await front.observe()).server, ...(await back.observe()).client];
      return rows.every(({ state }) => state === 'LISTEN' || state === 'TIME-WAIT');
    });
    await front.observe();

    const ends = [
      [
        front.timeline,
        legs.front,
        'server',
        ['SYN-RECEIVED', 'ESTABLISHED', 'CLOSE-WAIT', 'LAST-ACK', 'CLOSED'],
      ],
      [
        back.timeline,
        legs.back,
        'client',
        ['SYN-SENT', 'ESTABLISHED', 'FIN-WAIT-1', 'FIN-WAIT-2', 'TIME-WAIT'],
      ],
    ] as const;
    for (const [timeline, connection, host, states] of ends) {
      const seen = statesOf(timeline, connection, host);
      expect(seen.map(({ to }) => to).filter((to) => to !== 'LISTEN')).toEqual(states);
      const established = seen.find(({ to }) => to === 'ESTABLISHED');
      expect(established?.seenBy.toSorted()).toEqual(['kernel-events', 'packets', 'socket-table']);
    }
  });

  it('shows none of its other side, and only one clock', async () => {
    await using middle = await Middle.open({ family, port: 8000 });
    const { front, back } = middle;
    const { legs } = await through(middle, family === 'ipv4' ? RELAY : SIX);
    const rows = { front: (await front.observe()).server, back: (await back.observe()).client };
    expect(rows.back.map(({ remote }) => remote)).toEqual([legs.back.server]);
    expect(rows.front.map(({ remote }) => remote.port).toSorted()).toEqual([0, legs.front.client.port]);
    for (const [timeline, other] of [
      [front.timeline, legs.back.server.address],
      [back.timeline, legs.front.client.address],
    ] as const) {
      const text = JSON.stringify([
        ...timeline.of('kernel'),
        ...timeline.of('captured'),
        ...timeline.of('sockets'),
      ]);
      expect(text).not.toContain(`"${other}"`);
    }
    expect(Math.abs(front.nowMs() - back.nowMs())).toBeLessThan(5);
  });

  it('is the only way from one end to the other', async () => {
    await using middle = await Middle.open({ family, port: 8000 });
    const { front, back } = middle;
    const listener = await back.server.openSocket();
    await back.server.bind(listener, back.serverEndpoint());
    await back.server.listen(listener, 5);
    const client = await front.client.openSocket();
    await front.client.connect(client, back.serverEndpoint());
    const failed = await stageOf(front).waitFor('the end of connect()', () => front.client.takeError(client));
    expect(failed).toBe('EHOSTUNREACH');
    expect((await back.observe()).server.every(({ state }) => state === 'LISTEN')).toBe(true);
    expect(back.timeline.of('captured')).toEqual([]);
  });
});

/** The same, over IPv6: a program of a few lines, which passes one thing on and then waits. */
const SIX = [
  process.execPath,
  '-e',
  `require('net').createServer({ allowHalfOpen: true }, (a) => {
    const b = require('net').connect({ host: 'fd00:2::11', port: 80, allowHalfOpen: true });
    a.pipe(b); b.pipe(a);
  }).listen({ port: {port}, host: '::' })`,
];
