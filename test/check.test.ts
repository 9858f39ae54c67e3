import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, describe, expect, it } from 'vitest';
import { CLIENT_PROBES, SERVER_PROBES } from '../src/check/catalogue.ts';
import { type CheckReport, formatProbe } from '../src/report/terminal/check-report.ts';
import { styleFor } from '../src/report/terminal/style.ts';
import { allLiving, REPOSITORY, tcplab, tcplabHere, temporaryFolder } from './cli.ts';

/** Each test of `check` can fail and can pass: for each there is a program that does it badly, and one that does it well. */

const validate = new Ajv2020({ strict: true }).compile(
  JSON.parse(readFileSync(join(REPOSITORY, 'schema/check.schema.json'), 'utf8')),
);

const programs = join(REPOSITORY, 'test/programs');
const server = (mode: string) => `${process.execPath} ${programs}/server.mjs ${mode}`;
const client = (...words: string[]) =>
  `${process.execPath} ${programs}/client.mjs {server} {port} ${words.join(' ')}`;
const TALK = ['--request', 'hello\\n', '--expect', 'hello'];

/** No checked program is left. */
afterAll(() => expect(allLiving()).toEqual([]));

async function check(target: string, id: string, command: string, ...options: string[]) {
  const { status, stdout, stderr } = await tcplab(
    ...['check', target, '--only', id, '--json', ...options, '--', command],
  );
  expect(stderr).toBe('');
  const report = JSON.parse(stdout) as CheckReport;
  expect(validate(report), JSON.stringify(validate.errors)).toBe(true);
  const [probe, ...others] = report.probes;
  expect(others).toEqual([]);
  return { status, ...(probe as CheckReport['probes'][number]) };
}

type Case = [id: string, verdict: string, command: string, says: RegExp, within?: string];

/** What is found by waiting is waited for no longer than it takes; all else may take as long as a busy machine needs. */
const WAITED = '1s';

const SERVERS: Case[] = [
  ['serves', 'good', server('echo'), /^complete response in/],
  ['serves', 'fault', server('mute'), /^no complete response within 1\.0 s/, WAITED],
  ['peer-closes', 'good', server('echo'), /^closed .* after the client's FIN/],
  ['peer-closes', 'fault', server('leak'), /^still in CLOSE-WAIT 1\.0 s after the client's FIN/, WAITED],
  ['peer-half-closes', 'good', server('careful'), /^complete response/],
  ['peer-half-closes', 'risk', server('hasty'), /sent FIN after 0 bytes/],
  ['peer-resets', 'good', server('echo'), /a new client is served after 5 resets/],
  ['peer-resets', 'fault', server('fragile'), /after [1-5] resets?: /, WAITED],
  ['peer-vanishes-idle', 'good', server('careful'), /^the server closed/],
  [
    'peer-vanishes-idle',
    'risk',
    server('echo'),
    /^still open after 1\.0 s; no kernel timer is running/,
    WAITED,
  ],
  [
    'peer-vanishes-in-flight',
    'good',
    server('careful'),
    /closed within 1\.0 s; the kernel sends the rest/,
    WAITED,
  ],
  ['peer-vanishes-in-flight', 'risk', server('echo'), /sees an error after about 16 min/, WAITED],
  ['peer-stops-reading', 'good', server('echo'), /^zero window, and other clients were served/],
  [
    'peer-stops-reading',
    'fault',
    server('serial'),
    /a new client got no complete response within 1\.0 s/,
    WAITED,
  ],
  ['many-connections', 'good', server('echo'), /\(backlog 511, no overflow\)/],
  ['many-connections', 'risk', server('tiny'), /\(backlog 1, [1-9]\d* overflows\)/, '4s'],
  ['half-finished-handshakes', 'good', server('echo'), /served after .*SYN cookies/],
  [
    'half-finished-handshakes',
    'risk',
    server('flooded'),
    /was not established within 1\.0 s .*SYN-RECEIVED, 0 SYN cookies/,
    WAITED,
  ],
  ['stopped', 'good', server('careful'), /3 of 3 responses complete/],
  ['stopped', 'fault', server('hasty'), /0 of 3 responses complete \(truncated: 0 bytes, then FIN/],
  ['stopped', 'risk', server('stubborn'), /^still running 1\.0 s after SIGTERM/, WAITED],
  ['restarted', 'good', server('echo'), /^listens again with 2 connections in TIME-WAIT/],
  [
    'restarted',
    'fault',
    `python3 ${programs}/exclusive.py 80`,
    /in TIME-WAIT: .*Address already in use/,
    WAITED,
  ],
  [
    'keeps-time-wait',
    'good',
    server('echo'),
    /after 5 connections: 0 in TIME-WAIT at the server, 5 at the client/,
  ],
  [
    'keeps-time-wait',
    'risk',
    server('curt'),
    /after 5 connections: 5 in TIME-WAIT at the server, 0 at the client/,
  ],
];

const CLIENTS: Case[] = [
  ['syn-dropped', 'good', client('deadline'), /^exited with status 1 after .*\(1 attempt\)/],
  [
    'syn-dropped',
    'risk',
    client(),
    /^still in SYN-SENT after 1\.0 s \(1 attempt\); the kernel gives up in about 2 min/,
    WAITED,
  ],
  ['refused', 'good', client(), /status 1/],
  ['refused', 'risk', client('careless'), /status 0 .*reports success/],
  ['refused', 'risk', client('retries'), /^\d\d+ attempts in a row/],
  ['unreachable', 'good', client(), /status 1/],
  ['unreachable', 'risk', client('careless'), /reports success/],
  ['never-answered', 'good', client('deadline'), /status 1/],
  ['never-answered', 'risk', client(), /still in ESTABLISHED.*no TCP timer ends the wait/, WAITED],
  ['closes-before-answer', 'good', client(), /status 1/],
  ['closes-before-answer', 'fault', client('careless'), /reports success/],
  ['closes-before-answer', 'fault', client('leaks'), /still in CLOSE-WAIT/, WAITED],
  ['resets-in-answer', 'good', client(), /status 1/],
  ['resets-in-answer', 'fault', client('careless'), /reports success/],
  ['vanishes-in-answer', 'good', client('deadline'), /status 1/],
  ['vanishes-in-answer', 'risk', client(), /still in ESTABLISHED.*no kernel timer is running/, WAITED],
  ['never-accepted', 'good', client('deadline'), /status 1/],
  ['never-accepted', 'risk', client(), /still in ESTABLISHED/, WAITED],
  ['stops-reading', 'good', client('upload', 'deadline'), /status 1/],
  ['stops-reading', 'risk', client('upload'), /^still waiting at zero window/, WAITED],
  ['stops-reading', 'unknown', client(), /upload is too small/, WAITED],
  ['leaves-nothing', 'good', client(), /^1 connection, none left open/],
  ['leaves-nothing', 'risk', client('stays'), /in ESTABLISHED left open after 1\.0 s/, WAITED],
];

describe.concurrent.each([
  ['server', SERVERS, SERVER_PROBES, TALK],
  ['client', CLIENTS, CLIENT_PROBES, []],
] as const)('a %s', (target, cases, probes, talk) => {
  it.each(cases.map((one) => [...one] as const))(
    '%s: %s',
    async (id, verdict, command, says, within = '20s') => {
      const { status, ...found } = await check(target, id, command, '--within', within, ...talk);
      expect({ verdict: found.verdict, says: found.says }).toEqual({
        verdict,
        says: expect.stringMatching(says),
      });
      expect(status).toBe(verdict === 'fault' ? 1 : 0);
      // The evidence shows what the finding reports.
      expect(found.evidence.ladder).toMatch(/SYN-SENT|LISTEN/);
    },
  );

  it('is checked by tests that each pass and fail here', () => {
    for (const { id } of probes) {
      const verdicts = cases.filter(([of]) => of === id).map(([, verdict]) => verdict);
      expect([id, verdicts.includes('good')]).toEqual([id, true]);
      expect([id, verdicts.some((verdict) => verdict === 'fault' || verdict === 'risk')]).toEqual([id, true]);
    }
  });
});

describe('a test of check', () => {
  const all = [...SERVER_PROBES, ...CLIENT_PROBES];

  it.each(all.map((probe) => [probe.id, probe] as const))('%s has a short title and texts', (_, probe) => {
    const { title, why, mend } = probe;
    expect(title.length).toBeLessThanOrEqual(60);
    expect(title).toMatch(/[^.]$/);
    for (const text of [why, mend]) expect(text).toMatch(/^[A-Z].*\.$/);
  });

  const finding = { verdict: 'risk', says: 'still open after 1.0 s', durationMs: 1, timeline: null } as const;
  const style = styleFor({});

  it.each([
    [60, 60, 'Found: still open'],
    [80, 80, 'Found:   still open'],
    [160, 100, 'Found:   still open'],
  ])('is printed in %s columns', (width, widest, found) => {
    for (const { id, title, why, mend } of all) {
      const text = formatProbe({ ...finding, id, title, why, mend }, { style, width, ladder: false });
      const lines = text.trimEnd().split('\n');
      expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(widest);
      expect(lines[0]).toContain(`risk     ${id}: `);
      expect(text).toContain(`\n         ${found}`);
      expect(text.replace(/\s+/g, ' ')).toContain(`Matters: ${why} Fix: ${mend}`);
    }
  });

  it('prints the title and the number alone if it is good', () => {
    const { id, title, why, mend } = all[0] as (typeof all)[number];
    const good = {
      ...finding,
      id,
      title,
      why,
      mend,
      verdict: 'good',
      says: 'complete response in 2 ms',
    } as const;
    expect(formatProbe(good, { style, ladder: false })).toBe(
      'good     serves: a client sends a request and reads the response\n         complete response in 2 ms\n',
    );
  });
});

describe('tcplab check', () => {
  it('prints what was found, why it matters and how to fix it, and writes JUnit', async () => {
    const junit = join(temporaryFolder(), 'report.xml');
    const { status, stdout, stderr } = await tcplab(
      ...[
        'check',
        'server',
        '--only',
        'serves',
        'peer-closes',
        '--within',
        '1s',
        '--ladder',
        '--junit',
        junit,
      ],
      ...['--', server('leak')],
    );
    expect({ status, stderr }).toEqual({ status: 1, stderr: '' });
    expect(stdout).toMatch(/^good {5}serves: /);
    expect(stdout).toMatch(
      /fault {4}peer-closes: [\s\S]*Found: [\s\S]*Matters: [\s\S]*Fix: [\s\S]*CLOSE-WAIT[\s\S]*1 good, 1 fault in/,
    );
    expect(stdout.split('\n').every((line) => [...line].length <= 80)).toBe(true);
    expect(readFileSync(junit, 'utf8')).toMatch(/tests="2" failures="1"[\s\S]*<failure type="fault"/);
  });

  it('takes a program in words as well as one for a shell, and IPv6', async () => {
    const [node = '', ...words] = server('echo').split(' ');
    const options = ['--only', 'serves', '--ipv6', '--http', '/', '--port', '8080'];
    const script = "require('http').createServer((_, answer) => answer.end('hi')).listen(8080)";
    expect((await tcplab('check', 'server', ...options, '--', node, '-e', script)).stdout).toContain('good');
    expect((await tcplab('check', 'server', '--only', 'serves', '--', node, ...words)).stdout).toContain(
      'good',
    );
  });

  it.each([
    ['gone', /exited with status 3 before it listened on port 80: no configuration/],
    ['idle', /did not listen on port 80 within 5 s/],
    ['echo 8081', /it listens on .*:8081/],
    ['echo 80 ::1', /it listens on \[::1\]:80/],
  ])('of a server that is %s has a fault, and says why', async (mode, says) => {
    const { verdict, says: said } = await check('server', 'serves', server(mode));
    expect(verdict).toBe('fault');
    expect(said).toMatch(says);
  });

  it.each([
    ['server', 'true', SERVER_PROBES, /status 0 before it listened/, 'did not listen'],
    ['client', 'true', CLIENT_PROBES, /to the server's address and port/, 'did not try to connect'],
    [
      'server',
      'nosuchcmd --now',
      SERVER_PROBES,
      // The other is what dash says when the PATH has a folder that may not be entered.
      /nosuchcmd: (?:not found|Permission denied)/,
      'did not listen',
    ],
  ] as const)(
    'of a %s that is none (%s) says so once, and leaves the rest',
    async (target, command, probes, says, why) => {
      const { stdout } = await tcplab('check', target, '--within', '1s', '--', command);
      expect(stdout.match(/^(good|risk|fault|unknown) /gm)).toHaveLength(2);
      expect(stdout.split('\n').every((line) => [...line].length <= 80)).toBe(true);
      expect(stdout.replace(/\s+/g, ' ').match(new RegExp(says, 'g'))).toHaveLength(1);
      const outcome = await tcplab('check', target, '--within', '1s', '--json', '--', command);
      const report = JSON.parse(outcome.stdout) as CheckReport;
      expect(validate(report), JSON.stringify(validate.errors)).toBe(true);
      expect(report.probes.map(({ id }) => id)).toEqual(probes.map(({ id }) => id));
      for (const { verdict, says: said } of report.probes.slice(1)) {
        expect({ verdict, said }).toEqual({
          verdict: 'unknown',
          said: expect.stringContaining(`not run, because the program ${why}`),
        });
      }
    },
  );

  it('gives a program its time to be there, however soon it has to answer then', async () => {
    const late = "setTimeout(() => require('net').createServer((s) => s.pipe(s)).listen(80), 1500)";
    const [ofServer, ofClient] = await Promise.all([
      check('server', 'serves', `node -e "${late}"`, '--within', '1s', ...TALK),
      check('client', 'refused', `sleep 1.5; exec ${client()}`, '--within', '1s'),
    ]);
    expect(ofServer).toMatchObject({ verdict: 'good', status: 0 });
    expect(ofClient.verdict).not.toBe('unknown');
  });

  it('sets its rules with iptables on request', async () => {
    const outcome = await check(
      'server',
      'peer-vanishes-idle',
      server('echo'),
      ...['--within', WAITED],
      '--firewall',
      'iptables',
      ...TALK,
    );
    expect(outcome).toMatchObject({ verdict: 'risk', status: 0 });
    const dropped = outcome.evidence.sockets.server.some(({ state }) => state === 'ESTABLISHED');
    expect(dropped).toBe(true);
  });

  it('lists its probes', async () => {
    const { stdout } = await tcplab('check', 'server', '--list');
    expect(stdout.trimEnd().split('\n')).toHaveLength(SERVER_PROBES.length);
    expect((await tcplab('check', 'client', '--list')).stdout).toContain('syn-dropped\t');
  });

  it.each([
    ['check', /missing required argument 'server\|client'/],
    ['check moon -- true', /unknown end 'moon': expected server or client/],
    ['check server', /no program to check\n.*after `--`/],
    ['check server -- no-such-command', /no command 'no-such-command'/],
    ['check server -- no-such-command --now', /no command 'no-such-command'/],
    [
      'check server --only peer-close -- true',
      /no test of a server is called 'peer-close'\n.*did you mean peer-closes/,
    ],
    ['check client --http / -- true', /--http, --request and --expect apply to `check server` only/],
    ['check server --http index -- true', /'index' is not a path\n.*--http \//],
    ['check server --expect hi -- true', /--expect requires --request\n.*--expect PONG/],
    [
      'check server --http / --request hi -- true',
      /'--request <text>' cannot be used with option '--http <path>'/,
    ],
    ['check server --within soon -- true', /--within.*'soon'/],
    ['check server --junit /no/such/folder/file -- true', /\/no\/such\/folder\/file/],
  ])('%s is wrong use', async (line, message) => {
    const { status, stdout, stderr } = await tcplabHere(...line.split(' '));
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n {4}at /);
  });
});
