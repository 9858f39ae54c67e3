import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { TcplabError } from '../src/error.ts';
import type { Timeline } from '../src/evidence/timeline.ts';
import { Lab } from '../src/lab/lab.ts';
import type { Settings } from '../src/lab/settings.ts';
import { resultOf } from '../src/report/story/result.ts';
import type { CrowdResult } from '../src/report/terminal/crowd-report.ts';
import { CATALOGUE } from '../src/scenario/catalogue.ts';
import { runScenario } from '../src/scenario/run.ts';
import { SOCKET_OPTION_NAMES, SOCKET_OPTIONS } from '../src/tcp/socket-options.ts';
import { createLab } from '../src/testing/index.ts';
import { REPOSITORY, tcplab, tcplabHere, temporaryFolder } from './cli.ts';

/** What the timeline has of socket options that tcplab set: by host, in their order. */
function optionsSet(timeline: Timeline): string[] {
  return timeline
    .of('call')
    .filter(({ call, result }) => call === 'setsockopt' && result === 'ok')
    .map(({ host, detail }) => `${host} ${detail}`);
}

function expectFits(schema: 'run' | 'crowd', json: string): void {
  const text = readFileSync(join(REPOSITORY, `schema/${schema}.schema.json`), 'utf8');
  const validate = new Ajv2020({ strict: true, allErrors: true }).compile(JSON.parse(text) as object);
  expect(validate(JSON.parse(json)), JSON.stringify(validate.errors)).toBe(true);
}

async function runWith(id: string, settings: Settings & { holdMs?: number }): Promise<Timeline> {
  const scenario = CATALOGUE.find((one) => one.id === id);
  if (!scenario) throw new Error(`no scenario ${id}`);
  return runScenario(scenario, settings);
}

describe('settings of a lab', () => {
  it('are in the namespace before the first call, with and without net.ipv4.', async () => {
    await using lab = await Lab.open({
      sysctls: {
        client: { tcp_syn_retries: 2, 'net.ipv4.tcp_fin_timeout': '7' },
        server: { 'net.core.somaxconn': 11 },
      },
    });
    expect(await lab.client.readSysctl('net.ipv4.tcp_syn_retries')).toBe('2');
    expect(await lab.client.readSysctl('net.ipv4.tcp_fin_timeout')).toBe('7');
    expect(await lab.server.readSysctl('net.ipv4.tcp_syn_retries')).not.toBe('2');
    expect(await lab.server.readSysctl('net.core.somaxconn')).toBe('11');
  });

  it('have every option that they know set by the kernel', async () => {
    const options = Object.fromEntries(SOCKET_OPTION_NAMES.map((name) => [name, SOCKET_OPTIONS[name][3]]));
    await using lab = await Lab.open({ socketOptions: { client: options } });
    await lab.client.openSocket();
    const expected = SOCKET_OPTION_NAMES.map((name) => `client ${name} ${SOCKET_OPTIONS[name][3]}`);
    expect(optionsSet(lab.timeline)).toEqual(expected);
  });

  it('set options before connect() and listen(), of the host that they name', async () => {
    const timeline = await runWith('established', {
      socketOptions: { client: { TCP_USER_TIMEOUT: 5000 }, server: { SO_KEEPALIVE: 1, TCP_KEEPIDLE: 9 } },
    });
    expect(resultOf(timeline).verdict).toBe('proven');
    expect(optionsSet(timeline).sort()).toEqual([
      'client TCP_USER_TIMEOUT 5000',
      'server SO_KEEPALIVE 1',
      'server TCP_KEEPIDLE 9',
    ]);
    const calls = timeline.of('call').map(({ host, call }) => `${host} ${call}`);
    expect(calls.indexOf('client setsockopt')).toBeLessThan(calls.indexOf('client connect'));
    expect(calls.indexOf('server setsockopt')).toBeLessThan(calls.indexOf('server listen'));
    // The accepted socket has inherited it: its keepalive timer runs.
    const rows = timeline
      .of('sockets')
      .filter(({ host }) => host === 'server')
      .at(-1)?.rows;
    expect(rows?.find(({ state }) => state === 'ESTABLISHED')?.timer).toBe('keepalive');
  });

  it.each([
    [
      'an unknown sysctl',
      { tcp_fin_timeot: 1 },
      /no sysctl net\.ipv4\.tcp_fin_timeot/,
      /mean .*tcp_fin_timeout/,
    ],
    [
      'a value out of range',
      { tcp_syn_retries: 0 },
      /rejects 0 for net\.ipv4\.tcp_syn_retries \(EINVAL\)/,
      /6 now/,
    ],
    ['a sysctl of the machine', { tcp_mem: '1 2 3' }, /tcp_mem belongs to the whole machine/, /sysctl -w/],
    ['a read-only one', { 'net.core.rmem_max': 1 }, /rmem_max belongs to the whole machine/, /sysctl -w/],
    ['a way out of the network', { '../kernel/x': 1 }, /no sysctl/, /shows all/],
  ])('reject %s, with what to do', async (_, client, message, hint) => {
    const error: unknown = await Lab.open({ sysctls: { client } }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TcplabError);
    expect(error).toMatchObject({
      code: 'USAGE',
      message: expect.stringMatching(message),
      hint: expect.stringMatching(hint),
    });
  });

  it('are not silently changed by a scenario that needs another value', async () => {
    const timeline = await runWith('syn-flood', { sysctls: { server: { tcp_syncookies: 2 } } });
    expect(timeline.of('gave-up').map(({ why }) => why)).toEqual([
      'this scenario needs net.ipv4.tcp_syncookies = 0 on the server, but 2 was asked for',
    ]);
  });

  it('reject a value that the kernel of the host does not take, and close the socket', async () => {
    // Above the limit of tcp(7), which the type lets through in a lab of a test.
    await using lab = await Lab.open();
    const socket = await lab.client.openSocket();
    await expect(lab.client.setOption(socket, 'TCP_SYNCNT', 500)).rejects.toMatchObject({ errno: 'EINVAL' });
    await expect(lab.client.setOption(socket, 'SO_LINGER', 5)).rejects.toThrow(
      'SO_LINGER takes only 0, not 5',
    );
    await expect(Lab.open({ socketOptions: { client: { TCP_SYNCNT: 500 } } })).rejects.toThrow(
      /socketOptions\.client\.TCP_SYNCNT: expected a whole number from 1 to 127/,
    );
  });

  it.each([
    [
      'syn-sent',
      { socketOptions: { client: { TCP_SYNCNT: 1 } } },
      4000,
      'disproven',
      /then CLOSED [0-3]\.\d s into/,
    ],
    [
      'fin-wait-2-orphaned',
      { sysctls: { client: { tcp_fin_timeout: 3 } } },
      5000,
      'disproven',
      /then CLOSED [0-3]\.\d s into/,
    ],
    ['fin-wait-1', { socketOptions: { client: { SO_LINGER: 0 } } }, 100, 'unproven', /client CLOSED/],
    [
      'established',
      { socketOptions: { server: { TCP_DEFER_ACCEPT: 9 } } },
      100,
      'unproven',
      /did not accept a connection within/,
    ],
  ] as const)('that end %s lead to an honest verdict', async (id, settings, holdMs, verdict, because) => {
    const result = resultOf(await runWith(id, { ...settings, holdMs }));
    expect(result).toMatchObject({ verdict, because: expect.stringMatching(because) });
  });

  it('give the client the port that was chosen, and the next ones after it', async () => {
    const timeline = await runWith('accept-queue-full', { clientPort: 5000 });
    expect(resultOf(timeline).verdict).toBe('proven');
    const ports = timeline
      .of('call')
      .flatMap(({ host, call, detail }) =>
        host === 'client' && call === 'bind' ? [detail.split(':').at(-1)] : [],
      );
    expect(ports).toEqual(['5000', '5001']);
  });
});

describe('settings of a lab for tests', () => {
  it('are options of the call, and of the lab', async () => {
    await using lab = await createLab({
      sysctls: { client: { tcp_syn_retries: 1 } },
      socketOptions: { client: { TCP_NODELAY: 1 } },
      clientPort: 6000,
    });
    expect(await lab.client.readSysctl('net.ipv4.tcp_syn_retries')).toBe('1');
    await lab.server.listen({ options: { SO_RCVBUF: 4096 } });
    const connection = await lab.client.connect({ options: { TCP_USER_TIMEOUT: 5000 } });
    expect(connection.client.local.port).toBe(6000);
    expect(optionsSet(lab.timeline)).toEqual([
      'server SO_RCVBUF 4096',
      'server SO_REUSEADDR 1',
      'client TCP_NODELAY 1',
      'client TCP_USER_TIMEOUT 5000',
    ]);
    await expect(lab.client.connect({ localPort: 6000 })).rejects.toMatchObject({
      code: 'USAGE',
      message: 'port 6000 is in use at the client',
    });
    await expect(lab.client.connect({ options: { TCP_SYNCNT: 0 } })).rejects.toThrow(/TCP_SYNCNT: expected/);
  });
});

describe('--sysctl, --option and --client-port', () => {
  it('set what they name, for run and for programs', async () => {
    const { stdout } = await tcplabHere(
      ...['run', 'syn-sent', '--json', '--hold', '4s', '--client-port', '7000'],
      ...['--sysctl', 'client:tcp_syn_retries=1', '--client', 'curl -s http://{server}:{port}/'],
    );
    expect(JSON.parse(stdout).results[0]).toMatchObject({
      verdict: 'disproven',
      connection: { client: '192.168.2.10:7000' },
    });
  });

  it('are in the JSON of run, hold and replay, and nowhere if nothing was set', async () => {
    const file = join(temporaryFolder(), 'run.ndjson');
    const set = [
      ...['--sysctl', 'client:tcp_syn_retries=3', '--sysctl', 'server:net.core.somaxconn=11'],
      ...['--option', 'client:TCP_SYNCNT=2', '--client-port', '7100'],
    ];
    const settings = {
      sysctls: {
        client: { 'net.ipv4.tcp_syn_retries': '3' },
        server: { 'net.core.somaxconn': '11' },
      },
      socketOptions: { client: { TCP_SYNCNT: 2 } },
      clientPort: 7100,
    };
    const { stdout } = await tcplabHere('run', 'syn-sent', '--json', ...set, '--timeline', file);
    expect(JSON.parse(stdout).results[0].settings).toEqual(settings);
    expectFits('run', stdout);
    const replayed = await tcplabHere('replay', file, '--json');
    expect(JSON.parse(replayed.stdout).results[0].settings).toEqual(settings);
    const held = await tcplabHere('hold', 'syn-sent', '--json', '--for', '50ms', ...set);
    expect(JSON.parse(held.stdout).settings).toEqual(settings);
    const plain = await tcplabHere('run', 'syn-sent', '--json');
    expect(JSON.parse(plain.stdout).results[0]).not.toHaveProperty('settings');
  });

  it('set what they name for many connections', async () => {
    const set = ['--option', 'client:TCP_SYNCNT=1', '--sysctl', 'client:tcp_syn_retries=9'];
    // A SYN, and one more after a second: then the kernel gives up, 3 s after the first.
    const args = ['hold', 'syn-sent', '--count', '20', '--json', '--for', '6s', ...set];
    const { stdout, status } = await tcplabHere(...args);
    const result = JSON.parse(stdout) as CrowdResult;
    expectFits('crowd', stdout);
    expect({ status, held: result.held }).toEqual({ status: 1, held: false });
    expect(result.because).toMatch(
      /^after \d.* s, the socket table showed \d+ of 20 in SYN-SENT \(\d+ in CLOSED\) at the client/,
    );
    expect(result.settings).toEqual({
      sysctls: { client: { 'net.ipv4.tcp_syn_retries': '9' } },
      socketOptions: { client: { TCP_SYNCNT: 1 } },
    });
  });

  it('stay what they are where many connections would raise a limit', async () => {
    const set = ['--sysctl', 'client:tcp_max_tw_buckets=100'];
    const args = ['hold', 'established', '--count', '60', '--on', 'client', ...set];
    const { stdout } = await tcplab(...args, '--', 'sysctl', '-n', 'net.ipv4.tcp_max_tw_buckets');
    expect(stdout).toBe('100\n');
  });

  it.each([
    [['run', 'syn-sent', '--sysctl', 'client:tcp_syn_retires=1'], /did you mean net\.ipv4\.tcp_syn_retries/],
    [['run', 'syn-sent', '--sysctl', 'tcp_syn_retries=1'], /expected HOST:NAME=VALUE/],
    [['run', '--sysctl', 'client:tcp_syn_retries=0'], /rejects 0 for net\.ipv4\.tcp_syn_retries/],
    [['arcs', '--sysctl', 'server:tcp_mem=1'], /belongs to the whole machine/],
    [['hold', 'syn-sent', '--option', 'client:TCP_USERTIMEOUT=1'], /did you mean TCP_USER_TIMEOUT/],
    [['hold', 'syn-sent', '--option', 'client:TCP_SYNCNT=128'], /TCP_SYNCNT takes 1 to 127, not 128/],
    [['run', '--option', 'client:SO_LINGER=1'], /SO_LINGER takes only 0/],
    [['run', '--option', 'client:tcp_nodelay=on'], /TCP_NODELAY takes a whole number, not 'on'/],
    [
      ['run', '--sysctl', 'server:kernel.pid_max=100'],
      /is not a sysctl of a network namespace \(those begin/,
    ],
    [['arcs', '--sysctl', 'server:vm.swappiness=1'], /is not a sysctl of a network namespace/],
    [['run', '--option', 'client:TCP_NODELAY=1', '--option', 'client:tcp_nodelay=0'], /client twice/],
    [['run', 'syn-sent', '--option', 'client:TCP_SYNCNT=1', '--client', 'true'], /belong to the program/],
    [['check', 'server', '--option', 'server:TCP_SYNCNT=1', '--', 'true'], /belong to the program/],
    [['ui', '--sysctl', 'client:tcp_syn_retries=0'], /rejects 0/],
    [['run', 'syn-sent', '--client-port', '65501'], /a port from 1 to 65500/],
    [['run', 'syn-sent', '--client-port', '80', '--client', 'true'], /must be from 1024 to 65500/],
    [
      ['hold', 'syn-sent', '--count', '10', '--client-port', '5000'],
      /--client-port can't be combined with --count[\s\S]*each connection needs one of its own/,
    ],
    [
      ['hold', 'syn-sent', '--count', '10', '--sysctl', 'client:tcp_syn_retries=0'],
      /rejects 0 for net\.ipv4\.tcp_syn_retries/,
    ],
    [['run', '--client', 'local', '--server', 'netns:b', '--sysctl', 'client:tcp_sack=0'], /--allow-sysctl/],
  ])('reject %s with status 2', async (args, message) => {
    const { status, stdout, stderr } = await tcplabHere(...args);
    expect(stderr).toMatch(message);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  });
});
