import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { SERVER_PROBES } from '../src/check/catalogue.ts';
import type { CheckReport } from '../src/report/terminal/check-report.ts';
import { allLiving, needRoot, REPOSITORY, tcplab, temporaryFolder } from './cli.ts';

/** Each test of a server can fail and can pass: for each there is a program that does it badly, and one that does it well. */

const programs = join(REPOSITORY, 'test/programs');
const node = (mode: string) => `exec ${process.execPath} ${programs}/server.mjs ${mode}`;
const python = (mode: string, ...more: string[]) =>
  ['exec python3', `${programs}/server.py`, mode, '80', ...more].join(' ');
const web = (...words: string[]) =>
  [`exec ${process.execPath}`, `${programs}/http.mjs 80`, ...words].join(' ');
const LINE = ['--request', 'hello\\n', '--expect', 'hello'];
const HTTP = ['--http', '/'];

/** No checked program is left. */
afterAll(() => expect(allLiving()).toEqual([]));

async function report(command: string | readonly string[], ...options: string[]) {
  const words = typeof command === 'string' ? [command] : command;
  const { status, stdout, stderr } = await tcplab('check', 'server', '--json', ...options, '--', ...words);
  expect(stderr).toBe('');
  return { status, probes: (JSON.parse(stdout) as CheckReport).probes };
}

async function check(id: string, command: string | readonly string[], ...options: string[]) {
  const { status, probes } = await report(command, '--only', id, ...options);
  const [probe, ...others] = probes;
  expect(others).toEqual([]);
  return { status, ...(probe as CheckReport['probes'][number]) };
}

type Case = [id: string, found: string, command: string, says: RegExp, options?: readonly string[]];

/** What is found by waiting is waited for no longer than it takes; all else may take as long as a busy machine needs. */
const WAITED = ['--within', '1s'];

const CASES: Case[] = [
  ['serves', 'good answered', node('echo'), /^complete response in/],
  ['serves', 'fault no-answer', node('mute'), /^no complete response within 1\.0 s/, WAITED],
  ['serves', 'good answered', python('defer'), /^complete response in/],
  ['peer-closes', 'good closed', node('echo'), /^closed .* after the client's FIN/],
  [
    'peer-closes',
    'fault close-wait',
    node('leak'),
    /^still in CLOSE-WAIT 1\.0 s after the client's FIN/,
    WAITED,
  ],
  ['peer-closes', 'good closed', python('defer'), /^closed .* after the client's FIN/],
  ['peer-half-closes', 'good answered', node('careful'), /^complete response/],
  ['peer-half-closes', 'risk answer-cut', node('hasty'), /sent FIN after 0 bytes/],
  ['peer-resets', 'good served-after', node('echo'), /a new client is served after 5 resets/],
  ['peer-resets', 'fault not-served-after', node('fragile'), /^after [1-5] resets: the program exited/],
  ['peer-vanishes-idle', 'good closed', node('careful'), /^the server closed/],
  [
    'peer-vanishes-idle',
    'unknown still-waiting',
    node('echo'),
    /no kernel timer is running; --within 3m would/,
    WAITED,
  ],
  ['peer-vanishes-in-flight', 'good closed', node('careful'), /the kernel sends the rest/],
  [
    'peer-vanishes-in-flight',
    'unknown still-waiting',
    node('echo'),
    /gives up in about 1\d min .*; --within 60s would/,
    WAITED,
  ],
  ['peer-stops-reading', 'good others-served', node('echo'), /^zero window, and other clients were served/],
  [
    'peer-stops-reading',
    'fault others-not-served',
    node('serial'),
    /a new client got no complete response within 1\.0 s/,
    WAITED,
  ],
  ['many-connections', 'good accepted', node('echo'), /\(backlog 511, no overflow\)/],
  [
    'many-connections',
    'risk overflow',
    node('tiny'),
    /\(backlog 1, [1-9]\d* overflows\)/,
    ['--within', '4s'],
  ],
  ['many-connections', 'good refused', node('limited'), /^\d+ of 300 were closed by the server, /, WAITED],
  ['many-connections', 'unknown refused-after', python('limits'), /; a limit for each address would do/],
  ['many-connections', 'risk limit', python('sync'), /^only 1 of 300 were open after 1\.0 s/, WAITED],
  ['slow-clients', 'good others-served', node('echo'), /^a new client was served in .* beside/],
  [
    'slow-clients',
    'fault others-not-served',
    python('sync'),
    /^beside a silent client and a slow one/,
    WAITED,
  ],
  ['slow-reader', 'good bounded', web('stream=16'), /^each client .* takes \d/, HTTP],
  ['slow-reader', 'risk unbounded', web('large=16'), /^each client .* takes 1\d\.\d MB/, HTTP],
  ['slow-reader', 'good bounded', web('stream=16', 'warms'), /^each client .* takes \d/, HTTP],
  ['slow-reader', 'unknown new-processes', python('forks'), /started processes for its clients/, HTTP],
  ['slow-reader', 'unknown too-small', web(), /is too small to tell/, HTTP],
  ['client-leaves', 'good descriptor-closed', node('echo'), /^the descriptor was closed/],
  ['client-leaves', 'fault descriptor-stays', python('leaver'), /1\.0 s after the client's FIN/, WAITED],
  [
    'client-leaves',
    'unknown still-waiting',
    python('lingers'),
    /still open 1\.0 s .*; --within 60s would tell/,
    WAITED,
  ],
  ['idle-timeout', 'good closes-after-response', web('curt'), /closes after its response/, HTTP],
  ['idle-timeout', 'risk shorter-than-proxies', node('careful'), /is lost \((FIN|RST)\)/],
  ['idle-timeout', 'good announced', web('idle=300'), /announced in Keep-Alive/, HTTP],
  ['idle-timeout', 'risk sooner-than-announced', web('idle=300', 'liar'), /Keep-Alive announces 60 s/, HTTP],
  ['idle-timeout', 'unknown still-waiting', node('echo'), /--within 3m would tell/, WAITED],
  ['too-many', 'good recovered', node('echo'), /afterwards a new client was served/],
  ['too-many', 'good recovered', python('threads'), /[1-9]\d* waited, 0 were closed; afterwards/],
  ['too-many', 'risk spins', python('spins'), /was busy for \d+ ms of 500/],
  ['too-many', 'fault not-served-after', python('crashes'), /the program exited with status 1/],
  ['drains', 'good drained', node('careful'), /^in progress: answered; in the accept queue: answered/],
  ['drains', 'fault answer-cut', python('cutter'), /^in progress: cut; /],
  ['drains', 'risk queued-lost', python('deaf'), /in the accept queue: cut; new: refused/],
  ['drains', 'unknown no-drain', node('echo'), /^the program exited at once/],
  ['half-finished-handshakes', 'good served', node('echo'), /served after .*SYN cookies/],
  [
    'half-finished-handshakes',
    'risk not-served',
    node('flooded'),
    /was not established within 1\.0 s .*SYN-RECEIVED, 0 SYN cookies/,
    WAITED,
  ],
  [
    'stopped',
    'good finished',
    node('careful'),
    /^exited .*; a request that was still arriving got its response/,
  ],
  ['stopped', 'fault answer-cut', node('echo'), /^exited .*was cut: 1 byte, then (FIN|RST)/],
  ['stopped', 'unknown still-waiting', node('stubborn'), /^still running 1\.0 s .*--within 30s/, WAITED],
  ['stopped', 'risk stays', node('stubborn'), /^still running 30\.0 s/, ['--within', '30s']],
  ['stopped', 'good finished', web('graceful'), /got its response/, HTTP],
  ['stopped', 'good finished', web('graceful', 'late=300'), /got its response/, HTTP],
  ['stopped', 'fault answer-cut', web(), /got (FIN|RST) and no response/, HTTP],
  ['stopped', 'fault answer-cut', web('late=300'), /got (FIN|RST) and no response/, HTTP],
  ['restarted', 'good restarted', node('echo'), /^listens again with 2 connections in TIME-WAIT/],
  [
    'restarted',
    'fault not-restarted',
    `exec python3 ${programs}/exclusive.py 80`,
    /in TIME-WAIT: .*Address already in use/,
  ],
  [
    'reload',
    'good handed-over',
    python('reuse'),
    /^\d+ clients? in the old copy's accept queue got a response/,
  ],
  [
    'reload',
    'risk queued-lost',
    python('abrupt'),
    /^\d+ of \d+ clients? in the old copy's accept queue got no/,
  ],
  ['reload', 'unknown no-second-copy', node('echo'), /it exited with status 1: .*EADDRINUSE/],
  [
    'keeps-time-wait',
    'good at-client',
    node('echo'),
    /after 5 connections: 0 in TIME-WAIT at the server, 5 at the client/,
  ],
  [
    'keeps-time-wait',
    'risk at-server',
    node('curt'),
    /after 5 connections: 5 in TIME-WAIT at the server, 0 at the client/,
  ],
];

/** What these find depends on a timer of the program's own, which takes longer than a test may: they are `unknown` first. */
const WAITS_LONG = ['peer-vanishes-idle', 'peer-vanishes-in-flight'];

// On a busy machine each waits for the others.
describe.concurrent('a server', { timeout: 180_000 }, () => {
  it.each(CASES)('%s: %s', async (id, expected, command, says, options = []) => {
    const talk = options.some((option) => ['--http', '--greeting'].includes(option)) ? [] : LINE;
    const {
      status,
      verdict,
      code,
      says: said,
      evidence,
    } = await check(id, command, ...['--within', '20s', ...options, ...talk]);
    expect({ found: `${verdict} ${code}`, said }).toEqual({
      found: expected,
      said: expect.stringMatching(says),
    });
    expect(status).toBe({ fault: 1, unknown: 3 }[verdict as string] ?? 0);
    // The evidence shows what the finding reports.
    expect(evidence.ladder).toMatch(/SYN-SENT|LISTEN/);
  });

  it('is checked by tests that each pass and fail here', () => {
    // In TLS: check-talk.test.ts.
    for (const { id } of SERVER_PROBES.filter(({ needsTls }) => !needsTls)) {
      const found = CASES.filter(([of]) => of === id).map(([, found]) => found);
      expect([id, found.some((one) => one.startsWith('good'))]).toEqual([id, true]);
      const isBad = WAITS_LONG.includes(id) ? /^unknown/ : /^(risk|fault)/;
      expect([id, found.some((one) => isBad.test(one))]).toEqual([id, true]);
    }
  });
});

describe.concurrent('what a server is like', { timeout: 180_000 }, () => {
  it('is shown in its own words, if it says something and closes at once, and that is one fault', async () => {
    const { probes, status } = await report(python('quick'), ...LINE, '--within', '3s');
    expect(status).toBe(1);
    expect(probes.filter(({ verdict }) => verdict === 'fault')).toMatchObject([
      { id: 'serves', code: 'ended-early', said: '554 no service\r\n' },
    ]);
    expect(new Set(probes.slice(1).map(({ code }) => code))).toEqual(new Set(['not-run']));
  });

  it.each([404, 500])('is not good if it answers HTTP %i, unless that is expected', async (code) => {
    const one = await check('serves', web(`status=${code}`), ...HTTP);
    expect(one).toMatchObject({ status: 3, verdict: 'unknown', code: 'unexpected-answer' });
    expect(one.says).toContain(`HTTP ${code}`);
    const other = await check('serves', web(`status=${code}`), ...HTTP, '--expect-status', String(code));
    expect(other).toMatchObject({ status: 0, verdict: 'good' });
  });

  it.each([
    ['with setsid', `setsid -f ${process.execPath} ${programs}/server.mjs echo; exit 0`],
    ['with &', `${process.execPath} ${programs}/server.mjs echo & exit 0`],
  ])(
    'is not the program any more, if it went into the background %s, and tcplab says so and ends it',
    async (_, daemon) => {
      const { status, probes } = await report(daemon, '--only', 'serves', 'stopped');
      expect(status).toBe(3);
      expect(probes).toMatchObject([{ verdict: 'unknown', code: 'went-to-background' }, { code: 'not-run' }]);
      expect(probes[0]?.says).toMatch(/have it stay in the foreground/);
      expect(allLiving().filter((pid) => commandOf(pid).includes(daemon))).toEqual([]);
    },
  );

  it.each([
    ['another port', node('echo 8081'), /it listens on .*:8081: use --port 8081/],
    [
      'loopback alone',
      node('echo 80 127.0.0.1'),
      /it listens on 127\.0\.0\.1:80, where .* does not reach it/,
    ],
    [
      'IPv6 loopback alone',
      node('echo 80 ::1'),
      /it listens on \[::1\]:80, where .* have it listen on 0\.0\.0\.0/,
    ],
    [
      'IPv6 alone',
      `exec ${process.execPath} -e "require('net').createServer().listen({ port: 80, host: '::', ipv6Only: true })"`,
      /listens on \[::\]:80 for IPv6 only, and refused .*: use --ipv6/,
    ],
  ])('hears what would be right, if it listens on %s', async (_, command, says) => {
    const { status, verdict, code, says: said } = await check('serves', command, ...WAITED);
    expect({ status, verdict, code }).toEqual({ status: 3, verdict: 'unknown', code: 'listens-elsewhere' });
    expect(said).toMatch(says);
  });

  it('may be several listeners', async () => {
    const listen = (port: number) => `require('net').createServer((s) => s.pipe(s)).listen(${port})`;
    const command = `exec ${process.execPath} -e "${listen(81)}; setTimeout(() => ${listen(80)}, 300)"`;
    expect(await check('serves', command, ...LINE)).toMatchObject({ verdict: 'good' });
  });

  it.each([
    ['by itself', ''],
    ['as a child of a shell', 'true; '],
  ])('starts again though its PID file refuses a second one, %s', async (_, before) => {
    const file = join(temporaryFolder(), 'pid');
    // The shell ends by the signal, and leaves its child to the process that adopts it.
    const command = before === '' ? python('keeper', file) : `${python('keeper', file).slice(5)} & wait`;
    const found = await check('restarted', command, ...LINE);
    expect(found).toMatchObject({ verdict: 'good', code: 'restarted' });
  });

  it('gets SIGTERM as a supervisor sends it, to the process that was started; with --signal-group all do', async () => {
    // As npm does, but without passing it on.
    const wrapped = `trap '' TERM; ${process.execPath} ${programs}/server.mjs careful; exit 0`;
    const one = await check('stopped', wrapped, ...LINE, ...WAITED);
    expect(one).toMatchObject({ verdict: 'unknown', code: 'still-waiting' });
    const all = await check('stopped', wrapped, ...LINE, '--signal-group');
    expect(all).toMatchObject({ verdict: 'good', code: 'finished' });
  });

  it('gets it without a shell in between, if its command is a text that needs no shell', async () => {
    const command = `${process.execPath} ${programs}/server.mjs echo`;
    expect(await check('stopped', command, ...LINE)).toMatchObject({ verdict: 'fault', code: 'answer-cut' });
  });

  it('gets its words as they are, without a shell', async () => {
    const script = 'require("net").createServer((s) => s.end(process.argv[1])).listen(80)';
    const words = [process.execPath, '-e', script, '$HOME "*"'];
    expect(await check('serves', words)).toMatchObject({ verdict: 'good', said: '$HOME "*"' });
  });

  it('runs as the user that --user names, and may listen on port 80', async (context) => {
    needRoot(context, 'to be somebody else');
    const script =
      'require("net").createServer((s) => s.end(process.getuid() + " " + process.env.USER)).listen(80)';
    const found = await check('serves', [process.execPath, '-e', script], '--user', 'nobody');
    expect(found).toMatchObject({ verdict: 'good', said: expect.stringMatching(/^[1-9]\d* nobody$/) });
  });
});

describe('--user', () => {
  it('names a user that exists', async () => {
    const { status, stderr } = await tcplab('check', 'server', '--user', 'nobody-at-all', '--', 'true');
    expect(status).toBe(2);
    expect(stderr).toContain("no user 'nobody-at-all' exists");
  });
});

/** Empty if it has ended in the meantime. */
function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}
