import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, describe, expect, it, onTestFinished, type TestContext } from 'vitest';
import { boxDropsOf, entriesOf } from '../src/evidence/box.ts';
import { NetworkNamespace } from '../src/kernel/namespace.ts';
import { createVethPair } from '../src/kernel/rtnetlink.ts';
import type { Box } from '../src/lab/box.ts';
import { openBoxPair } from '../src/lab/box-pair.ts';
import { boxCommands } from '../src/lab/box-plan.ts';
import { Lab } from '../src/lab/lab.ts';
import { openNamespacePair } from '../src/lab/namespace-pair.ts';
import { resultOf } from '../src/report/story/result.ts';
import { boxForgotSilent } from '../src/scenario/box/box-forgot-silent.ts';
import { forgetful } from '../src/scenario/box/forgetting.ts';
import { BOX_SCENARIOS } from '../src/scenario/box-catalogue.ts';
import { established } from '../src/scenario/opening.ts';
import { stageOf } from '../src/scenario/reach.ts';
import { runScenario } from '../src/scenario/run.ts';
import type { BoxScenario } from '../src/scenario/scenario.ts';
import { Turn } from '../src/scenario/turn.ts';
import { allLiving, needRoot, REPOSITORY, tcplabHere, temporaryFolder } from './cli.ts';

/** Scenarios with a host in between that forwards, forgets and drops. */

afterAll(() => expect(allLiving()).toEqual([]));

const turn = new Turn();

describe.concurrent.each(['ipv4', 'ipv6'] as const)('a scenario with a box, over %s', (family) => {
  it.each(BOX_SCENARIOS)('$id is proven, and says what the box did', async (scenario) => {
    const timeline = await runScenario(scenario, { family, turn });
    const result = resultOf(timeline);
    expect([result.verdict, result.because]).toEqual(['proven', null]);
    const { box } = result;
    expect(box?.rules.reduce((sum, { packets }) => sum + packets, 0)).toBeGreaterThan(0);
    const forgets = scenario.conditions.includes('forgotten-by-box');
    const states = (box?.entries ?? []).map(({ entry }) => entry?.state ?? null);
    if (forgets) expect(states.at(-1)).toBeNull();
    expect(states.length > 1).toBe(forgets);
  });
});

/** An RST begins no entry, whatever tcp_loose says. */
const TAKEN_UP = BOX_SCENARIOS.filter(
  ({ id, conditions }) => conditions.includes('forgotten-by-box') && id !== 'box-lost-rst',
);

describe.concurrent('a scenario whose box does not do its part is not proven', () => {
  it.each(BOX_SCENARIOS)('$id: the box has no rules', async (scenario) => {
    const { verdict, because } = await outcomeOf({ ...scenario, box: { rules: [] } });
    expect(verdict).toBe('unproven');
    expect(because).toMatch(/^the box (did not forget the connection|dropped no packet) within/);
  });

  it.each(TAKEN_UP)('$id: the box makes a new entry of a later segment', async (scenario) => {
    const conntrack = { ...scenario.box.conntrack, tcp_loose: 1 };
    const { verdict, because } = await outcomeOf({ ...scenario, box: { ...scenario.box, conntrack } });
    expect(verdict).toBe('unproven');
    expect(because).toMatch(/^the box dropped no packet within/);
  });

  it('the box takes the connection up again during the hold', async () => {
    const during = async (lab: Lab) => changeConntrack(boxOf(lab), 'tcp_loose', 1);
    const timeline = await runScenario(boxForgotSilent, { turn, during, holdMs: 4000 });
    const { verdict, because } = resultOf(timeline);
    expect(verdict).toBe('disproven');
    expect(because).toMatch(
      /^(the box has an entry of the connection \(ESTABLISHED\)|the retransmission timer of the client does not run), /,
    );
  });

  it('something else than the box drops it', async () => {
    const scenario: BoxScenario = {
      ...boxForgotSilent,
      box: { rules: [], conntrack: {} },
      async reach(stage) {
        const { connection, clientSocket } = await established(stage);
        await stage.server.setRule({ hook: 'in', destinationPort: stage.serverPort, fate: 'drop' });
        await stage.client.send(clientSocket, Buffer.from('hello'));
        return connection;
      },
    };
    const { verdict, because } = resultOf(await runScenario(scenario, { turn }));
    expect([verdict, because]).toEqual(['disproven', 'the box never had an entry of the connection']);
    const conditions = ['dropped-by-box'] as const;
    expect(resultOf(await runScenario({ ...scenario, conditions }, { turn })).because).toBe(
      'the box dropped no packet of the connection',
    );
  });
});

function outcomeOf(scenario: BoxScenario) {
  return runScenario(scenario, { turn, withinMs: 4000 }).then(resultOf);
}

function boxOf({ box }: Lab): Box {
  if (!box) throw new Error('the lab has no box');
  return box;
}

function changeConntrack(box: Box, name: string, value: number): void {
  runIn(box, `sysctl -w net.netfilter.nf_conntrack_${name}=${value}`);
}

const PATH = `${process.env['PATH']}:/usr/sbin:/sbin`;

function needCommand(context: TestContext, command: string): void {
  const { status } = spawnSync('sh', ['-c', `command -v ${command}`], { env: { PATH } });
  if (status !== 0) context.skip(`${command} is not on this machine`);
}

/** Types a command in the box. */
function runIn(box: Pick<Box, 'enter'>, command: string): string {
  const done = box.enter(() =>
    spawnSync('sh', ['-c', command], { encoding: 'utf8', env: { ...process.env, PATH } }),
  );
  expect(done.stderr.replace(/^conntrack v.*shown\.\n/, ''), command).toBe('');
  expect(done.status, command).toBe(0);
  return done.stdout;
}

describe('what the box has of a connection', () => {
  it('is what conntrack(8) lists, through the life of a connection', async (context) => {
    needRoot(context, 'conntrack in the namespace of the box');
    needCommand(context, 'conntrack');
    await using lab = await Lab.open({ hosts: openBoxPair(forgetful('drop', [])) });
    const box = boxOf(lab);
    const stage = stageOf(lab);
    const { connection, clientSocket, serverSocket } = await established(stage);
    const { client, server } = connection;
    const seen: string[] = [];
    const compare = (word: string) =>
      stage.waitFor(word, async () => {
        await lab.observe();
        const entry = box.entry(client, server);
        if (entry?.state !== word) return false;
        const line = runIn(box, `conntrack -L -p tcp --orig-port-src ${client.port}`);
        const [, expiresS, state] = /^tcp +6 (\d+) (\w+) /.exec(line) ?? [];
        expect(state).toBe(word);
        expect(line.includes('[ASSURED]')).toBe(entry.assured);
        expect(line.includes('[UNREPLIED]')).toBe(!entry.replied);
        expect(Math.abs(Number(expiresS) - entry.expiresS)).toBeLessThanOrEqual(5);
        seen.push(word);
        return true;
      });
    await compare('ESTABLISHED');
    await stage.client.shutdown(clientSocket);
    await compare('CLOSE_WAIT');
    await stage.server.close(serverSocket);
    await compare('TIME_WAIT');
    expect(seen).toEqual(['ESTABLISHED', 'CLOSE_WAIT', 'TIME_WAIT']);
    const shown = entriesOf(lab.timeline, connection).map(({ entry }) => entry?.state);
    expect(shown).toEqual(expect.arrayContaining(seen));
  });

  it('is gone after forget(), and then the box drops what arrives', async () => {
    await using lab = await Lab.open({ hosts: openBoxPair(forgetful('drop', [])) });
    const box = boxOf(lab);
    const stage = stageOf(lab);
    const { connection, clientSocket } = await established(stage);
    const { client, server } = connection;
    await lab.observe();
    expect(box.forget(client, server)).toBe(true);
    expect(box.forget(client, server)).toBe(false);
    expect(box.entry(client, server)).toBeUndefined();
    expect(entriesOf(lab.timeline, connection).at(-1)).toMatchObject({ entry: null, forgotten: true });
    await stage.client.send(clientSocket, Buffer.from('hi'));
    await stage.waitFor('a drop', async () => {
      await lab.observe();
      return box.drops > 0;
    });
    const [drop] = boxDropsOf(lab.timeline, connection);
    expect(drop?.wire).toMatchObject({ kind: 'tcp', segment: { length: 2, flags: 'P.' } });
  });

  it('is refreshed by keepalive that is quicker than its timeout', async () => {
    await using lab = await Lab.open({
      hosts: openBoxPair({
        ...forgetful('drop'),
        conntrack: { tcp_loose: 0, tcp_timeout_established: 3 },
      }),
    });
    const stage = stageOf(lab);
    const { connection } = await established(
      stage,
      {},
      { SO_KEEPALIVE: 1, TCP_KEEPIDLE: 1, TCP_KEEPINTVL: 1 },
    );
    const probes = () =>
      lab.timeline.of('captured').filter(({ host, direction, wire }) => {
        const { segment } = wire.kind === 'tcp' ? wire : { segment: null };
        return host === 'server' && direction === 'received' && segment?.flags === '.';
      }).length;
    // The ACK of the handshake, and five probes: longer than the box remembers.
    await lab.waitFor(
      'five probes',
      async () => {
        await lab.observe();
        return probes() >= 6;
      },
      20_000,
    );
    expect(boxOf(lab).drops).toBe(0);
    expect(entriesOf(lab.timeline, connection).map(({ entry }) => entry?.state)).toEqual(['ESTABLISHED']);
  });
});

describe('the box', () => {
  it('drops what its log reports, by the counters of its rules', async (context) => {
    needRoot(context, 'nft in the namespace of the box');
    needCommand(context, 'nft');
    const counted: number[] = [];
    const during = async (lab: Lab) => {
      const logged = async () => {
        await lab.observe();
        return lab.timeline.of('box-dropped').length;
      };
      // A retransmission may come in between, then neither is of the same moment.
      while (counted.length === 0) {
        const before = await logged();
        const packets = Number(/counter packets (\d+)/.exec(runIn(boxOf(lab), 'nft list ruleset'))?.[1]);
        if (before === (await logged())) counted.push(before, packets);
      }
    };
    await runScenario(boxForgotSilent, { turn, during });
    expect(counted[0]).toBeGreaterThan(0);
    expect(counted[1]).toBe(counted[0]);
  });

  it.for(BOX_SCENARIOS)('is set up by the commands that are shown: $id', async ({ box }, context) => {
    needCommand(context, 'nft');
    const namespace = NetworkNamespace.create();
    onTestFinished(() => namespace.close());
    namespace.enter(() =>
      createVethPair({ interface: 'eth1', linkAddress: Uint8Array.of(2, 0, 0, 0, 0, 1) }, namespace.fd, {
        interface: 'eth2',
        linkAddress: Uint8Array.of(2, 0, 0, 0, 0, 2),
      }),
    );
    for (const command of boxCommands(box, 'ipv4')) runIn(namespace, command);
    const typed = runIn(namespace, 'nft list ruleset');
    await using lab = await Lab.open({ hosts: openBoxPair(box) });
    const set = runIn(boxOf(lab), 'nft list ruleset');
    expect(withoutLogs(set)).toBe(withoutLogs(typed));
    expect(typed).toContain('counter');
  });

  it('is not there in a lab without, nor between hosts of others', async () => {
    await using lab = await Lab.open();
    expect(lab.box).toBeUndefined();
    await expect(runScenario(boxForgotSilent, { hosts: openNamespacePair })).rejects.toThrow(
      'box-forgot-silent needs a host between the client and the server',
    );
  });
});

function withoutLogs(ruleset: string): string {
  return ruleset.replaceAll(/ log prefix "\d+" group \d+/g, '').replaceAll(/packets \d+ bytes \d+/g, '');
}

describe('tcplab run box', () => {
  it('prints what the box did, in JSON as its schema says, and replays it', async () => {
    const schema = JSON.parse(readFileSync(join(REPOSITORY, 'schema/run.schema.json'), 'utf8'));
    const validate = new Ajv2020({ strict: true }).compile(schema);
    const file = join(temporaryFolder(), 'box.ndjson');
    const { status, stdout } = await tcplabHere('run', 'box', '--json', '--timeline', file);
    expect(status).toBe(0);
    const report = JSON.parse(stdout);
    expect(validate(report), JSON.stringify(validate.errors)).toBe(true);
    expect(report.results.map(({ scenario }: { scenario: string }) => scenario)).toEqual(
      BOX_SCENARIOS.map(({ id }) => id),
    );
    const replayed = await tcplabHere('replay', file, '--json');
    expect(JSON.parse(replayed.stdout).results).toEqual(report.results);
    const shown = await tcplabHere('replay', file, '--ladder');
    expect(shown.stdout).toContain('✗ box rule 1');
    expect(shown.stdout).toMatch(/box: no entry, was ESTABLISHED \[ASSURED\] for/);
  });

  it('explains each, with the commands for the box', async () => {
    for (const { id } of BOX_SCENARIOS) {
      const { status, stdout } = await tcplabHere('explain', id);
      expect(status).toBe(0);
      expect(stdout).toContain('nft add rule inet box');
    }
  });

  it('says why it can’t have many', async () => {
    const { status, stderr } = await tcplabHere('hold', 'box-forgot-rst', '--count', '5');
    expect(status).toBe(2);
    expect(stderr).toContain('a box has one connection between its hosts');
  });
});
