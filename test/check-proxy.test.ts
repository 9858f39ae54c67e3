import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, describe, expect, it } from 'vitest';
import { PROXY_PROBES } from '../src/check/proxy/catalogue.ts';
import type { CheckReport, ProbeReport } from '../src/report/terminal/check-report.ts';
import { allLiving, REPOSITORY, tcplab, temporaryFolder } from './cli.ts';

/** Each test of a relay can fail and can pass: relays that are right, and some with one fault each. */

const relays = join(REPOSITORY, 'test/programs/relays');
const TO = ['8000', '{server}', '{server_port}'];
const python = (...fault: string[]) => ['python3', join(relays, 'correct.py'), ...TO, ...fault];
const node = (file: string, ...fault: string[]) => [process.execPath, join(relays, file), ...TO, ...fault];

const schema = JSON.parse(readFileSync(join(REPOSITORY, 'schema/check.schema.json'), 'utf8'));
const validate = new Ajv2020({ allowUnionTypes: true }).compile(schema);

/** No checked program is left. */
afterAll(() => expect(allLiving()).toEqual([]));

async function report(command: readonly string[], ...options: string[]) {
  const { status, stdout, stderr } = await tcplab(
    ...['check', 'proxy', '--port', '8000', '--json', ...options, '--', ...command],
  );
  expect(stderr).toBe('');
  const checked = JSON.parse(stdout) as CheckReport;
  expect(validate(checked), JSON.stringify(validate.errors)).toBe(true);
  return { status, probes: checked.probes };
}

const cellOf = ({ id, by }: Pick<ProbeReport, 'id' | 'by'>) => `${id} ${by}`;
const foundIn = (probes: readonly ProbeReport[]) =>
  Object.fromEntries(
    probes.map((probe) => [cellOf(probe), `${probe.verdict} ${probe.code}: ${probe.passedAs}`]),
  );

/** What a relay with a fault makes of what happens: verdict, code and what was passed on as what. */
type Cells = Record<string, string>;

const FAULTS: [
  name: string,
  relay: readonly string[],
  only: readonly string[],
  cells: Cells,
  ...options: string[],
][] = [
  [
    'turns an RST into a FIN',
    python('rst-becomes-fin'),
    ['reset-mid', 'reset-idle'],
    {
      'reset-mid client': 'risk fin: RST→FIN',
      'reset-mid server': 'risk fin: RST→FIN',
      'reset-idle client': 'risk fin: RST→FIN',
      'reset-idle server': 'risk fin: RST→FIN',
    },
  ],
  [
    'swallows a FIN',
    python('fin-swallowed'),
    ['half-close', 'close'],
    {
      'half-close client': 'fault not-passed-on: FIN→nothing',
      'half-close server': 'fault not-passed-on: FIN→nothing',
      'close client': 'fault not-passed-on: FIN→nothing',
      'close server': 'fault not-passed-on: FIN→nothing',
    },
  ],
  [
    'closes when one side half-closes',
    python('half-close-becomes-close'),
    ['half-close'],
    {
      'half-close client': 'fault late-answer-lost: lost',
      'half-close server': 'fault late-answer-lost: lost',
    },
  ],
  [
    'forgets its other side',
    python('server-side-leaks'),
    ['reset-mid', 'reset-idle', 'vanish-flight', 'vanish-idle'],
    {
      'reset-mid client': 'fault not-passed-on: RST→nothing',
      'reset-mid server': 'good passed-on: RST→RST',
      'reset-idle client': 'fault not-passed-on: RST→nothing',
      'reset-idle server': 'good passed-on: RST→RST',
      'vanish-idle client': 'fault not-passed-on: not told',
      'vanish-idle server': 'good told: told',
      'vanish-flight client': 'fault not-passed-on: not told',
      'vanish-flight server': 'good told: told',
    },
  ],
  [
    'does not tell the client that it was refused',
    python('accepts-and-never-tells'),
    ['refused'],
    { 'refused server': 'fault never-told: not told' },
  ],
  [
    'drops what waits when it closes',
    python('drops-last-octets'),
    ['large'],
    { 'large client': 'fault truncated: not intact', 'large server': 'fault truncated: not intact' },
  ],
  [
    'is what everybody writes first',
    node('pipe.mjs'),
    ['half-close', 'idle', 'unreachable', 'vanish-idle'],
    {
      'half-close client': 'fault late-answer-lost: lost',
      'half-close server': 'fault late-answer-lost: lost',
      'idle both': 'risk no-keepalive: intact',
      'unreachable server': 'risk still-connecting: not told',
      'vanish-idle client': 'risk no-timer: not told',
      'vanish-idle server': 'risk no-timer: not told',
    },
  ],
  [
    'reads on, however much waits',
    node('bad.mjs', 'greedy'),
    ['stops-reading'],
    {
      'stops-reading client': 'fault unbounded: unbounded',
      'stops-reading server': 'fault unbounded: unbounded',
    },
  ],
  [
    'takes one client at a time',
    node('bad.mjs', 'alone'),
    ['many'],
    { 'many both': 'fault not-all-served: lost' },
  ],
  ['ends an idle connection', node('bad.mjs', 'impatient'), ['idle'], { 'idle both': 'risk cut: lost' }],
  [
    'does not end',
    node('bad.mjs', 'deaf'),
    ['stopped'],
    { 'stopped both': 'unknown still-running: not told' },
    ...['--within', '1s'],
  ],
  [
    'changes what it passes on',
    node('bad.mjs', 'changing'),
    ['passes'],
    { 'passes both': 'unknown not-relayed: undefined' },
  ],
];

// On a busy machine each waits for the others.
describe.concurrent('a relay', { timeout: 300_000 }, () => {
  it.each([
    ['python', python()],
    ['node', node('correct.mjs')],
  ])('that is right is good in every cell (%s)', async (_, relay) => {
    const { status, probes } = await report(relay);
    const bad = probes.filter(({ verdict }) => verdict !== 'good').map((one) => [cellOf(one), one.says]);
    expect(bad).toEqual([]);
    expect(status).toBe(0);
    expect(probes.map(cellOf)).toEqual(PROXY_PROBES.map(cellOf));
    // A connection that nobody has closed is there at all four ends.
    const idle = probes.find(({ id }) => id === 'idle');
    expect(Object.values(idle?.leftAt2s ?? {}).map((rows) => rows.map(({ state }) => state))).toEqual(
      Array.from({ length: 4 }, () => ['ESTABLISHED']),
    );
  });

  it.each(FAULTS)('that %s is found', async (_, relay, only, cells, ...options) => {
    const { probes } = await report(relay, '--only', ...only, ...options);
    expect(foundIn(probes)).toEqual(cells);
  });

  it('is checked by tests that each fail here', () => {
    const failing = new Set(
      FAULTS.flatMap(([, , , cells]) =>
        Object.entries(cells).flatMap(([cell, found]) => (found.startsWith('good') ? [] : [cell])),
      ),
    );
    // What a server does to `server-side-leaks` has no other fault here: the code is that of the client's.
    const rest = PROXY_PROBES.map(cellOf).filter((cell) => !failing.has(cell));
    expect(rest).toEqual(['vanish-flight server']);
  });

  it('over IPv6 is asked for its server by CONNECT and by SOCKS', async () => {
    for (const [option, mode] of [
      ['--connect', 'connect'],
      ['--socks', 'socks'],
    ] as const) {
      const asked = [process.execPath, join(relays, 'asked.mjs'), '8000', mode];
      const { probes } = await report(
        asked,
        option,
        '--ipv6',
        '--within',
        '20s',
        '--only',
        'passes',
        'close',
        'refused',
      );
      expect(foundIn(probes)).toEqual({
        'passes both': 'good passed: intact',
        'close client': 'good passed-on: FIN→FIN',
        'close server': 'good passed-on: FIN→FIN',
        'refused server': option === '--connect' ? 'good told: HTTP 502' : 'good told: told',
      });
    }
  });
});

describe('tcplab check proxy', () => {
  it('prints a table, what is left at four ends, and a report with both names of a test', async () => {
    const junit = join(temporaryFolder(), 'report.xml');
    const { status, stdout, stderr } = await tcplab(
      ...['check', 'proxy', '--port', '8000', '--only', 'close', '--ladder', '--junit', junit],
      ...['--within', '1s', '--', ...python('fin-swallowed')],
    );
    expect({ status, stderr }).toEqual({ status: 1, stderr: '' });
    expect(stdout.replaceAll(/\s+/g, ' ')).toMatch(
      /Left: client: FIN-WAIT-2, orphaned .*relay's client side: CLOSE-WAIT .*relay's server side: ESTABLISHED .*server: ESTABLISHED/,
    );
    expect(stdout).toMatch(/\n +by the client +by the server\nclose +FIN→nothing +FIN→nothing\n/);
    // Both sides have a ladder.
    expect(stdout).toContain('192.168.2.10');
    expect(stdout).toContain('192.168.2.11');
    const xml = readFileSync(junit, 'utf8');
    expect(xml).toContain('name="close by client"');
    expect(xml).toContain('name="close by server"');
  }, 120_000);

  it.each([
    [['--http', '/'], /--http can't be used with `check proxy` yet/],
    [['--sysctl', 'server:tcp_retries2=3'], /--sysctl can't be used with `check proxy` yet/],
    [['--report', 'x.html'], /--report can't be used with `check proxy` yet/],
  ])('refuses %j, and says what it has', async (options, says) => {
    const { status, stderr } = await tcplab('check', 'proxy', ...options, '--', 'true');
    expect(status).toBe(2);
    expect(stderr).toMatch(says);
    expect(stderr).toContain('--server-port');
  });

  it('has options that apply to nothing else', async () => {
    const { status, stderr } = await tcplab('check', 'server', '--socks', '--', 'true');
    expect(status).toBe(2);
    expect(stderr).toContain('--socks applies to `check proxy` only');
  });

  it('says if the relay never listens, and if nothing gets through', async () => {
    const absent = await report(['sleep', '60'], '--only', 'close', '--within', '1s');
    expect(absent.status).toBe(3);
    expect(absent.probes[0]).toMatchObject({ verdict: 'unknown', code: 'not-run' });
    const elsewhere = [process.execPath, join(relays, 'pipe.mjs'), '8000', '{server}', '81'];
    const lost = await report(elsewhere, '--only', 'passes', 'close', '--within', '1s');
    expect(foundIn(lost.probes)['passes both']).toMatch(/^unknown not-relayed/);
    expect(lost.status).toBe(3);
  }, 120_000);
});
