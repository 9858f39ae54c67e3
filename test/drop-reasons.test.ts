import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it, type TestContext } from 'vitest';
import { type Connection, endOf } from '../src/evidence/connection.ts';
import { dropEffect, dropWords } from '../src/evidence/drop-reasons.ts';
import { type HostName, otherHost } from '../src/evidence/events.ts';
import { Btf } from '../src/kernel/bpf/btf.ts';
import { DisposableStack } from '../src/kernel/disposable-stack.ts';
import { close as closeSocket } from '../src/kernel/socket.ts';
import { Lab } from '../src/lab/lab.ts';
import { established, seen } from '../src/scenario/opening.ts';
import { stageOf } from '../src/scenario/reach.ts';
import type { SegmentToEncode } from '../src/tcp/encode.ts';
import type { Family } from '../src/tcp/endpoint.ts';
import type { Segment } from '../src/tcp/segment.ts';
import type { SocketRow } from '../src/tcp/socket-row.ts';
import { needRoot } from './cli.ts';
import { CAUSES, type Cause, OWED } from './drop-reasons-causes.ts';
import { MachineLacks, openCapture } from './drop-reasons-hand.ts';

const PREFIX = 'SKB_DROP_REASON_';

/** The reasons that the running kernel has. */
function reasons(): string[] {
  return [...Btf.running().enumerators('skb_drop_reason').values()].map((name) => name.replace(PREFIX, ''));
}

function needDrops(context: TestContext, lab: Lab): void {
  const about = lab.timeline.of('lab-opened')[0];
  const why = about?.noKernelEvents ?? about?.kernelEvents?.noDrops;
  if (why != null) context.skip(`the kernel's drops are not seen: ${why}`);
}

function rowOf(rows: SocketRow[], connection: Connection, host: HostName): SocketRow | undefined {
  const { local, remote } = endOf(connection, host, 'ESTABLISHED');
  return rows.find((row) => row.local.port === local.port && row.remote.port === remote.port);
}

interface SegmentDrop {
  host: HostName;
  direction: 'sent' | 'received';
  reason: string;
  segment: Segment;
}

/** By the kernel's own word, of segments. */
function dropsOf(lab: Lab): SegmentDrop[] {
  return lab.timeline
    .of('kernel-dropped')
    .flatMap(({ host, direction, reason, wire }) =>
      wire.kind === 'tcp' ? { host, direction, reason, segment: wire.segment } : [],
    );
}

/** Whether it is the one that was made. */
function isOf(segment: Segment, { source, destination, seq, ack, flags, payload }: SegmentToEncode): boolean {
  const made = { source, destination, seq, ack, flags, length: payload?.length ?? 0 };
  return isDeepStrictEqual({ ...segment, window: 0 }, { ...made, window: 0 });
}

function title({ reason, at, by }: Cause, family: Family): string {
  return `${reason} at the ${at}: ${by} (${family === 'ipv6' ? 'IPv6' : 'IPv4'})`;
}

const rows = CAUSES.flatMap((cause) =>
  cause.families.map((family) => [title(cause, family), { ...cause, family }] as const),
);

describe('a dropped segment', () => {
  it.for(rows)('is on the timeline, with what it did all the same: %s', async ([, row], context) => {
    const { reason, at, family, effect, make } = row;
    needRoot(context, 'BPF is only root’s');
    if (!reasons().includes(reason)) context.skip(`this kernel has no reason ${reason}`);
    await using lab = await Lab.open({ family });
    needDrops(context, lab);
    using after = new DisposableStack();
    const { segment, owing, end } = await make(lab, after).catch((error: unknown) => {
      if (error instanceof MachineLacks) context.skip(error.message);
      throw error;
    });
    const event = await lab.waitFor(`${reason} at the ${at}`, async () => {
      await lab.observe();
      return dropsOf(lab).find(
        (drop) => drop.host === at && drop.reason === reason && isOf(drop.segment, segment),
      );
    });
    expect(event.direction).toBe(segment.source.address === lab.host(at).address ? 'sent' : 'received');
    const { direction } = event;
    const state = owing ? 'ESTABLISHED' : (end?.state ?? null);
    expect(dropEffect(reason, { direction, segment: event.segment, state })).toBe(effect);
    const tables = await lab.observe();
    if (owing) {
      const row = rowOf(tables.server, owing, 'server');
      expect({ state: row?.state, owes: row?.sendQueue }).toEqual({
        state: 'ESTABLISHED',
        owes: effect === 'unprocessed' ? OWED : 0,
      });
    }
    if (end) expect(rowOf(tables[end.host], end.connection, end.host)?.state ?? null).toBe(end.state);
  });

  it('has one of at least fifteen reasons, each with its test', () => {
    expect(new Set(CAUSES.map(({ reason }) => reason)).size).toBeGreaterThanOrEqual(15);
  });
});

describe('a healthy connection', () => {
  it.for([
    ['close', 'client'],
    ['close', 'server'],
    ['abort', 'client'],
    ['abort', 'server'],
  ] as const)('has no dropped segment: %s at the %s first', async ([how, first], context) => {
    needRoot(context, 'BPF is only root’s');
    await using lab = await Lab.open();
    needDrops(context, lab);
    const stage = stageOf(lab);
    const { connection, clientSocket, serverSocket } = await established(stage);
    await lab.client.send(clientSocket, Buffer.alloc(1000));
    await lab.waitFor('a request', () => lab.server.receive(serverSocket));
    await lab.server.send(serverSocket, Buffer.alloc(1000));
    await lab.waitFor('a response', () => lab.client.receive(clientSocket));
    const sockets = { client: clientSocket, server: serverSocket };
    const second = otherHost(first);
    if (how === 'close') {
      await lab.host(first).close(sockets[first]);
      await seen(stage, connection, first, 'FIN-WAIT-2');
      await lab.host(second).close(sockets[second]);
      await seen(stage, connection, first, 'TIME-WAIT');
    } else {
      await lab.host(first).abort(sockets[first]);
      await seen(stage, connection, second, 'CLOSED');
      await lab.host(second).close(sockets[second]);
    }
    await lab.count();
    expect(dropsOf(lab)).toEqual([]);
  });

  it('has its keepalive probes dropped, for their old sequence number', async (context) => {
    needRoot(context, 'BPF is only root’s');
    await using lab = await Lab.open();
    needDrops(context, lab);
    const { clientSocket } = await established(stageOf(lab));
    await lab.client.setOption(clientSocket, 'TCP_KEEPIDLE', 1);
    await lab.client.setOption(clientSocket, 'SO_KEEPALIVE', 1);
    const probe = await lab.waitFor('a dropped probe', async () => {
      await lab.observe();
      return dropsOf(lab)[0];
    });
    expect(probe).toMatchObject({
      host: 'server',
      direction: 'received',
      reason: 'TCP_OLD_SEQUENCE',
      segment: { flags: '.', length: 0 },
    });
  });

  it('has copies dropped that a foreign capture did not read, in both directions', async (context) => {
    needRoot(context, 'BPF is only root’s');
    await using lab = await Lab.open();
    needDrops(context, lab);
    const capture = openCapture(lab, 'server');
    const { connection } = await established(stageOf(lab));
    await lab.observe();
    expect(dropsOf(lab)).toEqual([]);
    closeSocket(capture);
    const drops = await lab.waitFor('the copies', async () => {
      await lab.observe();
      return dropsOf(lab).length >= 2 ? dropsOf(lab) : undefined;
    });
    expect(drops.slice(0, 2)).toMatchObject([
      { host: 'server', direction: 'received', reason: 'QUEUE_PURGE', segment: { flags: 'S' } },
      { host: 'server', direction: 'sent', reason: 'QUEUE_PURGE', segment: { flags: 'S.' } },
    ]);
    const { server } = await lab.observe();
    expect(rowOf(server, connection, 'server')).toMatchObject({ state: 'ESTABLISHED' });
  });
});

describe('what a reason means', () => {
  it('is known of every reason of TCP that the running kernel has', () => {
    const segment = { flags: '.', length: 0 };
    const unknown = reasons()
      .filter((reason) => reason.includes('TCP_'))
      .filter((reason) => dropEffect(reason, { segment, direction: 'received' }) === 'unknown');
    expect(unknown).toEqual([]);
  });

  it('takes at most 60 characters, with the name of the kernel', () => {
    for (const reason of [...reasons(), ...CAUSES.map(({ reason }) => reason)]) {
      const words = dropWords(reason);
      expect(words.length, words).toBeLessThanOrEqual(60);
      if (reason !== 'NETFILTER_DROP') expect(words).toContain(reason);
    }
  });

  it.for([
    ['NETFILTER_DROP', 'netfilter (not a rule of this lab)'],
    ['TCP_CSUM', 'bad TCP checksum (TCP_CSUM)'],
    ['WHAT_COMES_NEXT', 'WHAT_COMES_NEXT'],
  ] as const)('has words: %s, %s', ([reason, words]) => {
    expect(dropWords(reason)).toBe(words);
  });

  it.for([
    ['unknown', 'WHAT_COMES_NEXT', {}],
    ['unknown', 'QUEUE_PURGE', {}],
    ['unknown', 'QUEUE_PURGE', { direction: 'sent' }],
    ['unknown', 'TCP_FASTOPEN', {}],
    ['unknown', 'TCP_OVERWINDOW', {}],
    ['unknown', 'TCP_OVERWINDOW', { segment: { flags: 'F.', length: 0 } }],
    ['unprocessed', 'TCP_OVERWINDOW', { segment: { flags: '.', length: 0 } }],
    ['unprocessed', 'TCP_OVERWINDOW', { segment: { flags: 'P.', length: 1 }, state: 'SYN-RECEIVED' }],
    ['acknowledgment only', 'TCP_OVERWINDOW', { segment: { flags: 'P.', length: 1 }, state: 'FIN-WAIT-1' }],
  ] as const)('is %s for %s and %o', ([effect, reason, circumstances]) => {
    expect(dropEffect(reason, circumstances)).toBe(effect);
  });
});
