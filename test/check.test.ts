import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, describe, expect, it } from 'vitest';
import { CLIENT_PROBES, SERVER_PROBES } from '../src/check/catalogue.ts';
import { nameOfProbe } from '../src/check/probe.ts';
import { PROXY_PROBES } from '../src/check/proxy/catalogue.ts';
import { type CheckReport, formatProbe } from '../src/report/terminal/check-report.ts';
import { styleFor } from '../src/report/terminal/style.ts';
import { allLiving, REPOSITORY, tcplab, tcplabHere, temporaryFolder } from './cli.ts';

/** Each test of `check` can fail and can pass: for each there is a program that does it badly, and one that does it well. */

const validate = new Ajv2020({ strict: true }).compile(
  JSON.parse(readFileSync(join(REPOSITORY, 'schema/check.schema.json'), 'utf8')),
);

const programs = join(REPOSITORY, 'test/programs');
const server = (mode: string) => `${process.execPath} ${programs}/server.mjs ${mode}`;
/** What is found by waiting is waited for no longer than it takes. */
const WAITED = '1s';

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

describe('a test of check', () => {
  const all = [...SERVER_PROBES, ...CLIENT_PROBES, ...PROXY_PROBES];

  it.each(all.map((probe) => [nameOfProbe(probe), probe] as const))(
    '%s has a short title and texts',
    (_, probe) => {
      const { title, purpose } = probe;
      expect(title.length).toBeLessThanOrEqual(60);
      expect(title).toMatch(/[^.]$/);
      expect(purpose).toMatch(/^[A-Z].*\.$/);
    },
  );

  it('has its healthy exchange first, which rests on nothing', () => {
    for (const [first, ...others] of [SERVER_PROBES, CLIENT_PROBES, PROXY_PROBES]) {
      expect(first.restsOnService).toBe(false);
      expect(others.length).toBeGreaterThan(8);
    }
    for (const probes of [[...SERVER_PROBES, ...CLIENT_PROBES], PROXY_PROBES])
      expect(new Set(probes.map(nameOfProbe)).size).toBe(probes.length);
  });

  const advice = {
    why: 'Each one leaks a descriptor, until accept() fails with EMFILE.',
    fix: 'Call close().',
  };
  const finding = {
    ...({ verdict: 'risk', code: 'stays-open' } as const),
    ...{ says: 'still open after 1.0 s', numbers: {}, advice },
    ...{ said: null, durationMs: 1, timeline: null },
  } as const;
  const style = styleFor({});

  it.each([
    [60, 60, 'Found: still open'],
    [80, 80, 'Found:   still open'],
    [160, 100, 'Found:   still open'],
  ])('is printed in %s columns', (width, widest, found) => {
    for (const { id, title, purpose } of all) {
      const text = formatProbe({ ...finding, id, title, purpose }, { style, width, ladder: false });
      const lines = text.trimEnd().split('\n');
      expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(widest);
      expect(lines[0]).toContain(`risk     ${id}: `);
      expect(text).toContain(`\n         ${found}`);
      expect(text.replace(/\s+/g, ' ')).toContain(`Matters: ${advice.why} Fix: ${advice.fix}`);
    }
  });

  it('prints the title, the number and what the program said if it is good', () => {
    const { id, title, purpose } = all[0] as (typeof all)[number];
    const good = {
      ...({ ...finding, id, title, purpose, verdict: 'good', code: 'answered', advice: null } as const),
      ...{ says: 'complete response in 2 ms', said: 'HTTP/1.1 200 OK\r\n\x1b[2J' },
    } as const;
    expect(formatProbe(good, { style, ladder: false })).toBe(
      'good     serves: a client sends a request and reads the response\n' +
        '         complete response in 2 ms\n         Said:    HTTP/1.1 200 OK\n',
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
    ['server', 'true', SERVER_PROBES, /status 0 before it listened/],
    ['server', server('gone'), SERVER_PROBES, /status 3 before it listened on port 80: no configuration/],
    ['client', 'true', CLIENT_PROBES, /to the server's address and port; it exited with status 0/],
    // The other is what dash says when the PATH has a folder that may not be entered.
    ['server', 'nosuchcmd --now', SERVER_PROBES, /nosuchcmd: (?:not found|Permission denied)/],
  ] as const)(
    'of a %s that is none (%s) says so once, and leaves the rest',
    async (target, command, probes, says) => {
      const { status, stdout } = await tcplab('check', target, '--within', '1s', '--', command);
      expect(status).toBe(3);
      expect(stdout.match(/^(good|risk|fault|unknown) /gm)).toHaveLength(2);
      expect(stdout.split('\n').every((line) => [...line].length <= 80)).toBe(true);
      expect(stdout.replace(/\s+/g, ' ').match(new RegExp(says, 'g'))).toHaveLength(1);
      const outcome = await tcplab('check', target, '--within', '1s', '--json', '--', command);
      const report = JSON.parse(outcome.stdout) as CheckReport;
      expect(validate(report), JSON.stringify(validate.errors)).toBe(true);
      const applicable = probes.filter(({ needsTls }) => !needsTls).map(({ id }) => id);
      expect(report.probes.map(({ id }) => id)).toEqual(applicable);
      for (const { verdict, code, says: said } of report.probes.slice(1))
        expect({ verdict, code, said }).toEqual({
          ...{ verdict: 'unknown', code: 'not-run' },
          said: 'not run, since the program was not there',
        });
    },
  );

  it('leaves what rests on a healthy exchange, and says so once', async () => {
    const { status, stdout } = await tcplab(
      'check',
      'server',
      '--within',
      '1s',
      ...TALK,
      '--',
      server('mute'),
    );
    expect(status).toBe(1);
    expect(stdout).toMatch(/^fault {4}serves: /);
    expect(stdout.match(/^unknown /gm)).toHaveLength(1);
    expect(stdout.replace(/\s+/g, ' ')).toContain('keeps-time-wait: not run, since `serves` is fault');
    const only = await tcplab(
      'check',
      'server',
      '--only',
      'peer-closes',
      '--within',
      '1s',
      ...TALK,
      '--',
      server('mute'),
    );
    expect(only.status).toBe(3);
    expect(only.stdout.replace(/\s+/g, ' ')).toContain(
      'since `serves` is fault: no complete response within 1.0 s',
    );
  });

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
    expect(outcome).toMatchObject({ verdict: 'unknown', code: 'still-waiting', status: 3 });
    const dropped = outcome.evidence.sockets.server.some(({ state }) => state === 'ESTABLISHED');
    expect(dropped).toBe(true);
  });

  it('lists its probes', async () => {
    const { stdout } = await tcplab('check', 'server', '--list');
    expect(stdout.trimEnd().split('\n')).toHaveLength(SERVER_PROBES.length);
    const { stdout: json } = await tcplab('check', 'client', '--list', '--json');
    const { id, title, purpose } = CLIENT_PROBES[0];
    expect(JSON.parse(json)).toHaveLength(CLIENT_PROBES.length);
    expect(JSON.parse(json)[0]).toEqual({ id, title, purpose });
  });

  it('compares with an earlier check: what is known passes, what is new fails, tcplab names what is gone', async () => {
    const file = join(temporaryFolder(), 'known.json');
    const run = (mode: string, ...options: string[]) =>
      tcplab('check', 'server', '--only', 'peer-closes', '--within', WAITED, ...options, '--', server(mode));
    const before = await run('leak', '--json');
    expect(before.status).toBe(1);
    writeFileSync(file, before.stdout);
    const junit = join(temporaryFolder(), 'report.xml');
    const same = await run('leak', '--baseline', file, '--json', '--junit', junit);
    expect(same.status).toBe(0);
    expect(readFileSync(junit, 'utf8')).toMatch(/failures="0"[\s\S]*<skipped message="fault: /);
    const report = JSON.parse(same.stdout) as CheckReport;
    expect(validate(report), JSON.stringify(validate.errors)).toBe(true);
    const known = [{ id: 'peer-closes', code: 'close-wait' }];
    expect(report.baseline).toEqual({ known, new: [], gone: [] });
    const healed = await run('echo', '--baseline', file);
    expect(healed).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('gone: peer-closes (close-wait)'),
    });
    writeFileSync(file, (await run('echo', '--json')).stdout);
    const worse = await run('leak', '--baseline', file);
    expect(worse).toMatchObject({
      status: 1,
      stdout: expect.stringContaining('new: peer-closes (close-wait)'),
    });
  });

  it.each([
    ['nothing', /this is not JSON/],
    ['{"format":"tcplab.check/1"}', /not JSON of `tcplab check` \(expected the format tcplab.check\/2\)/],
    ['{"format":"tcplab.check/2","target":"client","probes":[]}', /of a client, and not of a server/],
    ['{"format":"tcplab.check/2","target":"server","probes":[{}]}', /no id, code or verdict/],
  ])('refuses %s as a baseline', async (text, says) => {
    const file = join(temporaryFolder(), 'known.json');
    writeFileSync(file, text);
    const { status, stderr } = await tcplabHere('check', 'server', '--baseline', file, '--', 'true');
    expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringMatching(says) });
  });

  it('annotates for GitHub, and fails on a risk if asked to', async () => {
    const options = ['--only', 'keeps-time-wait', ...TALK, '--github'];
    const mild = await tcplab('check', 'server', ...options, '--', server('curt'));
    expect(mild.status).toBe(0);
    expect(mild.stdout).toMatch(
      /^::warning title=tcplab check server%3A keeps-time-wait::which end [^\n]*: after 5 connections: [^\n]*%0A/m,
    );
    const junit = join(temporaryFolder(), 'report.xml');
    const strict = ['--fail-on', 'risk', '--junit', junit];
    expect((await tcplab('check', 'server', ...options, ...strict, '--', server('curt'))).status).toBe(1);
    expect(readFileSync(junit, 'utf8')).toMatch(/failures="1"[\s\S]*<failure type="risk"/);
  });

  it.each([
    ['check', /missing required argument 'kind'/],
    ['check moon -- true', /unknown end 'moon': expected server, client or proxy/],
    ['check server', /no program to check\n.*after `--`/],
    ['check proxy', /no program to check\n.*tcplab check proxy .*\{server_port\}/],
    ['check server -- no-such-command', /no command 'no-such-command'/],
    ['check server -- no-such-command --now', /no command 'no-such-command'/],
    [
      'check server --only peer-close -- true',
      /no test of a server is called 'peer-close'\n.*did you mean peer-closes/,
    ],
    [
      'check client --http / -- true',
      /--http, --expect-status, --request and --expect apply to `check server` only/,
    ],
    ['check server --answer hi -- true', /--answer applies to `check client` only/],
    ['check server --expect-status 404 -- true', /--expect-status requires --http/],
    ['check server --http / --expect-status 4O4 -- true', /'4O4' is not an HTTP status/],
    ['check server --talk redis --http / -- true', /--talk redis can't be used with --http/],
    ['check server --talk resp -- true', /Allowed choices are http, https, redis/],
    ['check server --only close-notify -- true', /the test 'close-notify' requires TLS\n.*--tls/],
    ['check server --json --github -- true', /--github can't be used with --json/],
    ['check server --baseline /no/such/file -- true', /\/no\/such\/file/],
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
