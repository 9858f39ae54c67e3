import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { endOf } from '../src/evidence/connection.ts';
import { peculiaritiesOf } from '../src/evidence/socket-options.ts';
import { Timeline } from '../src/evidence/timeline.ts';
import { stateHistoryOf, type Transition } from '../src/evidence/transitions.ts';
import { judge } from '../src/evidence/verdict.ts';
import { kernelEvents } from '../src/evidence/witness/kernel-events.ts';
import { rowOf } from '../src/evidence/witness/socket-table.ts';
import type { Host } from '../src/lab/host.ts';
import { Lab } from '../src/lab/lab.ts';
import { readTcpSysctls } from '../src/lab/tcp-sysctls.ts';
import { packetComments } from '../src/report/files/pcapng/comments.ts';
import { viewOf } from '../src/report/pages/view.ts';
import { resultOf } from '../src/report/story/result.ts';
import { formatLadder } from '../src/report/terminal/ladder/ladder.ts';
import { closeWait } from '../src/scenario/close-wait.ts';
import { established } from '../src/scenario/opening.ts';
import { runScenario } from '../src/scenario/run.ts';
import type { Scenario } from '../src/scenario/scenario.ts';
import { forecast } from '../src/tcp/forecast.ts';
import { needRoot, REPOSITORY } from './cli.ts';
import { PLAIN } from './drawn.ts';

/** Beside many other tests, Python takes seconds to start. */
const PATIENCE_MS = 20_000;

/** What the kernel says of drops and of programs' calls becomes part of the evidence. */

async function nft(host: Host, command: string): Promise<void> {
  const child = await host.spawn('nft', [command]);
  const [status] = (await once(child, 'exit')) as [number];
  expect(status).toBe(0);
}

/** FIN-WAIT-1 by a rule that somebody else sets: in the server's input hook, or in the client's output hook. */
function heldByStranger(host: 'client' | 'server'): Scenario {
  const [hook, port] = host === 'server' ? ['input', 'dport'] : ['output', 'dport'];
  return {
    id: 'fin-wait-1-by-a-stranger',
    title: 'a rule of somebody else drops the FIN',
    held: { host: 'client', state: 'FIN-WAIT-1' },
    peer: 'ESTABLISHED',
    heldBy: 'a stranger',
    async reach(stage) {
      const { connection, clientSocket } = await established(stage);
      const chain = `add table ip stranger; add chain ip stranger c { type filter hook ${hook} priority 10; }`;
      await nft(stage[host], `${chain}; add rule ip stranger c tcp ${port} ${stage.serverPort} drop`);
      await stage.client.close(clientSocket);
      return connection;
    },
  };
}

function without(timeline: Timeline, ...types: string[]): Timeline {
  const rest = new Timeline();
  for (const event of timeline) if (!types.includes(event.type)) rest.add(event);
  return rest;
}

const FATE = 'dropped: netfilter (not a rule of this lab)';

describe('a segment that a rule drops which is not the lab’s', () => {
  const check = async (host: 'client' | 'server') => {
    const timeline = await runScenario(heldByStranger(host));
    const { verdict, because, segments, connection } = resultOf(timeline);
    expect({ verdict, because }).toEqual({ verdict: 'proven', because: null });
    const fins = segments.filter(({ flags }) => flags?.includes('F'));
    expect(fins.length).toBeGreaterThan(0);
    expect(fins.map(({ fate }) => fate)).toEqual(fins.map(() => FATE));
    expect(connection).not.toBeNull();
    expect(formatLadder(timeline, { ascii: false, style: PLAIN })).toContain(
      host === 'server' ? '✗ netfilter' : '✗',
    );
    const { flights } = viewOf(timeline, { name: 'x', title: 'x' });
    expect(flights.find(({ flags }) => flags === 'F.')).toMatchObject({
      ending: host === 'server' ? 'dropped at its receiver' : 'dropped at its sender',
      rule: null,
      reason: 'netfilter (not a rule of this lab)',
    });
    const comments = [...packetComments(timeline).values()].join('\n');
    expect(comments.includes('dropped by the kernel: netfilter')).toBe(host === 'server');
  };

  it('on its way in was dropped, and not by a rule of the lab', async (context) => {
    needRoot(context, 'kernel events');
    await check('server');
  });

  it('on its way out was sent all the same, though no capture saw it', async (context) => {
    needRoot(context, 'kernel events');
    await check('client');
  });

  it('was taken for delivered without that: then the packets contradict the truth', async (context) => {
    needRoot(context, 'kernel events');
    const timeline = await runScenario(heldByStranger('server'));
    expect(judge(without(timeline, 'kernel-dropped'))).toMatchObject({
      word: 'disproven',
      because: 'packets of server: saw CLOSE-WAIT, not ESTABLISHED',
    });
  });
});

describe('a copy of a segment that the kernel drops', () => {
  it('for a raw socket is not the segment: that went on to TCP', async (context) => {
    needRoot(context, 'kernel events');
    // A filter that takes nothing: one instruction, `ret 0` (BPF_RET | BPF_K).
    const program = [
      'import ctypes, socket, struct, time',
      's = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)',
      "code = ctypes.create_string_buffer(struct.pack('HBBI', 6, 0, 0, 0))",
      "s.setsockopt(socket.SOL_SOCKET, 26, struct.pack('HL', 1, ctypes.addressof(code)))",
      "print('filtering', flush=True)",
      'time.sleep(60)',
    ].join('\n');
    const filtered: Scenario = {
      ...closeWait,
      async reach(stage) {
        const child = await stage.server.spawn('python3', ['-c', program], {
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        await once(child.stdout as NodeJS.ReadableStream, 'data');
        return closeWait.reach(stage);
      },
    };
    const { verdict, because, segments } = resultOf(await runScenario(filtered));
    expect({ verdict, because }).toEqual({ verdict: 'proven', because: null });
    expect(segments.map(({ fate }) => fate)).toEqual(segments.map(() => 'delivered'));
  });
});

describe('what a program does with its connection', () => {
  const server = (how: string) =>
    `${process.execPath} ${join(REPOSITORY, 'test/programs/server.mjs')} ${how}`;
  const ofServer = (timeline: Timeline): Transition[] => {
    const { connection } = timeline.of('claimed')[0] ?? {};
    if (!connection) throw new Error('nothing was claimed');
    return stateHistoryOf(timeline, connection).transitions.filter(({ host }) => host === 'server');
  };

  it('is a fact where the kernel tells of it, and not guessed', async (context) => {
    needRoot(context, 'kernel events');
    const timeline = await runScenario(closeWait, { programs: { server: server('leak') } });
    const called = timeline.of('program-call').map(({ host, call }) => `${host} ${call}`);
    expect(called).toEqual(expect.arrayContaining(['server listen', 'server accept4']));
    const listens = (seen: Timeline) =>
      ofServer(seen).find(({ to }) => to === 'LISTEN')?.arc?.trigger ?? null;
    expect(listens(timeline)).toBe('listen');
    // The kernel tells of calls, and tells of none: then nobody called, and nothing is inferred.
    expect(listens(without(timeline, 'program-call', 'program-return'))).toBeNull();
  });

  it('is the end of it too: the kernel closes what a process leaves open', async (context) => {
    needRoot(context, 'kernel events');
    const exits = `import os, socket; s = socket.create_server(('', 80)); c = s.accept()[0]; c.recv(1); os._exit(7)`;
    await using lab = await Lab.open();
    await lab.server.start(['python3', '-c', exits]);
    const isThere = async () => (await lab.observe()).server.some(({ state }) => state === 'LISTEN');
    await lab.waitFor('the server', isThere, PATIENCE_MS);
    const [client, socket] = [lab.nextClientEndpoint(), await lab.client.openSocket()];
    await lab.client.bind(socket, client);
    await lab.client.connect(socket, lab.serverEndpoint());
    await lab.waitFor('the connection', async () => (await lab.client.send(socket, Buffer.from('x'))) === 1);
    const { timeline } = lab;
    await lab.waitFor(
      'the end',
      async () => {
        await lab.observe();
        return timeline
          .of('kernel')
          .some(
            ({ host, change }) => host === 'server' && change?.from === 'LISTEN' && change.to === 'CLOSED',
          );
      },
      PATIENCE_MS,
    );
    expect(timeline.of('process-exited')).toMatchObject([{ host: 'server', name: 'python3', status: 7 }]);
    const connection = { client, server: lab.serverEndpoint() };
    const finish = (seen: Timeline) =>
      stateHistoryOf(seen, connection).transitions.find(
        ({ host, to }) => host === 'server' && to === 'CLOSED',
      );
    expect(timeline.of('program-call').map(({ call }) => call)).not.toContain('close');
    expect(finish(timeline)).toMatchObject({ from: 'LISTEN', arc: { trigger: 'close' } });
    expect(finish(without(timeline, 'process-exited'))).toMatchObject({ arc: null });
  });
});

describe('the options of a program’s socket', () => {
  it('are read from it, so that a forecast goes by them', async () => {
    const options = 'TCP_KEEPIDLE=2 TCP_KEEPINTVL=1 TCP_KEEPCNT=2'.split(' ').map((each) => each.split('='));
    const set = options.map(([name, value]) => `s.setsockopt(6, socket.${name}, ${value})`).join('; ');
    const program = `import socket; s = socket.create_server(('', 80)); s.setsockopt(1, 9, 1); ${set}; c = s.accept()[0]; c.recv(9)`;
    await using lab = await Lab.open();
    await lab.server.start(['python3', '-c', program]);
    const isThere = async () => (await lab.observe()).server.some(({ state }) => state === 'LISTEN');
    await lab.waitFor('the server', isThere, PATIENCE_MS);
    const [client, socket] = [lab.nextClientEndpoint(), await lab.client.openSocket()];
    await lab.client.bind(socket, client);
    await lab.client.connect(socket, lab.serverEndpoint());
    const end = endOf({ client, server: lab.serverEndpoint() }, 'server', 'ESTABLISHED');
    const row = await lab.waitFor('the server to accept', async () => {
      const own = rowOf((await lab.observe()).server, end);
      return own && own.inode > 0 ? own : undefined;
    });
    const sysctls = await readTcpSysctls(lab.server);
    const peculiarities = await lab.waitFor('its options', async () => {
      await lab.observe();
      const known = peculiaritiesOf(lab.timeline, 'server', row, sysctls);
      return known.keepalive ? known : undefined;
    });
    expect(peculiarities).toEqual({ keepalive: { timeS: 2, intervalS: 1, probes: 2 }, setBy: 'python3' });
    const told = forecast(row, sysctls, peculiarities);
    expect(told).toMatchObject({ timer: 'keepalive probe', remaining: null });
    expect(told.because).toMatch(/2 probes, 1 s apart, after 2 s idle .* \(set by python3\)$/);
  });
});

describe('another socket on the ports of a connection', () => {
  it('says nothing of the connection when its connect() fails', async (context) => {
    needRoot(context, 'kernel events');
    await using lab = await Lab.open();
    const connection = { client: lab.nextClientEndpoint(), server: lab.serverEndpoint() };
    await lab.server.setRule({ hook: 'in', fate: 'drop' });
    for (const expected of ['EINPROGRESS', 'EADDRNOTAVAIL']) {
      const socket = await lab.client.openSocket();
      await lab.client.setOption(socket, 'SO_REUSEADDR', 1);
      await lab.client.bind(socket, connection.client);
      expect(await lab.client.connect(socket, connection.server)).toBe(expected);
    }
    await lab.observe();
    const printed = lab.timeline.of('kernel').filter(({ host, change }) => host === 'client' && change);
    expect(new Set(printed.map(({ kernelSocket }) => kernelSocket)).size).toBe(2);
    const end = endOf(connection, 'client', 'SYN-SENT');
    expect(kernelEvents.follow(lab.timeline, end).at(-1)?.states).toEqual(['SYN-SENT']);
  });
});
