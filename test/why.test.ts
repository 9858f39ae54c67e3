import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { diagnosePaste } from '../src/diagnosis/diagnose.ts';
import type { Group } from '../src/diagnosis/diagnosis.ts';
import type { WhyReport } from '../src/report/story/why.ts';
import { readTables } from '../src/tables/read.ts';
import {
  eventually,
  holdHere,
  needRoot,
  Program,
  REPOSITORY,
  run,
  TCPLAB,
  tcplab,
  temporaryFolder,
} from './cli.ts';

/** `tcplab why` on the command line, and on the sockets of labs: what it says live is what it says of their tables. */

const schema = JSON.parse(readFileSync(join(REPOSITORY, 'schema/why.schema.json'), 'utf8')) as object;
const validate: ValidateFunction = new Ajv2020({
  strict: true,
  allowUnionTypes: true,
  allErrors: true,
}).compile(schema);
const folder = temporaryFolder();
const table = (name: string) => join(REPOSITORY, 'test/tables', `${name}.txt`);

function reportIn(text: string): WhyReport {
  const report = JSON.parse(text) as WhyReport;
  expect(validate(report) ? [] : validate.errors).toEqual([]);
  return report;
}

describe.concurrent('tcplab why', { timeout: 120_000 }, () => {
  it.each(['close-wait-netstat', 'several-tools', 'conntrack', 'inherited-descriptor', 'port-exhaustion'])(
    'prints %s as its schema says',
    async (name) => {
      const { status, stdout } = await tcplab('why', table(name), '--json');
      expect(status).toBe(0);
      expect(reportIn(stdout).source).toEqual({ kind: 'text', name: table(name) });
    },
  );

  it('reads standard input, with - and without', () => {
    const [program = '', ...args] = TCPLAB;
    const input = readFileSync(table('healthy'));
    for (const more of [['-'], []]) {
      const { status, stdout } = spawnSync(program, [...args, 'why', ...more], { input, encoding: 'utf8' });
      expect({ status, first: stdout.split('\n')[0] }).toEqual({
        status: 0,
        first: expect.stringMatching(/^Nothing here is stuck/),
      });
    }
  });

  it.each([60, 80, 160])('fits %i columns', async (columns) => {
    for (const name of ['close-wait-netstat', 'established-unanswered', 'ipv6-netstat-truncated']) {
      const { stdout } = await run(['env', ...TCPLAB, 'why', table(name)], { COLUMNS: String(columns) });
      const { formatWhy } = await import('../src/report/terminal/why-report.ts');
      const { whyReport } = await import('../src/report/story/why.ts');
      const { styleFor } = await import('../src/report/terminal/style.ts');
      const paste = readTables(readFileSync(table(name), 'utf8'));
      const report = whyReport({ kind: 'text', name }, diagnosePaste(paste), paste);
      const text = formatWhy(report, { style: styleFor({}), width: columns });
      const words = text.split('\n').filter((line) => line.length > columns && / \S+ \S/.test(line.trim()));
      expect(words).toEqual([]);
      expect(stdout).toContain(report.verdict.says.split(' ')[0]);
    }
  });

  it('ends with 1 for a leak, and only if asked', async () => {
    const leak = table('close-wait-netstat');
    expect((await tcplab('why', leak)).status).toBe(0);
    expect((await tcplab('why', leak, '--fail-on', 'leak')).status).toBe(1);
    expect((await tcplab('why', table('healthy'), '--fail-on', 'leak')).status).toBe(0);
  });

  it('ends with 2 where nothing can be read, and says what was expected', async () => {
    const file = join(folder, 'prose.txt');
    writeFileSync(file, 'The server hangs.\nPlease help.\n');
    const { status, stderr } = await tcplab('why', file);
    expect(status).toBe(2);
    expect(stderr).toMatch(/no table of TCP sockets in .*: line 1 is not a row.*\n.*ss -tanp/);
    expect(await tcplab('why', '/no/such/file')).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/no such file/),
    });
    expect(await tcplab('why', '--for', '1s')).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/requires --watch/),
    });
    expect(await tcplab('why', file, '--watch')).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/can't be used/),
    });
    expect((await tcplab('why', '--pid', '4194304')).status).toBe(2);
    expect((await tcplab('why', 'netns:no-such-namespace')).status).toBe(2);
  });
});

const THIS = TCPLAB.map((word) => `'${word}'`).join(' ');
const TABLES = {
  ss: 'ss -tanpoie',
  netstat: 'netstat -tanpoW',
  'proc-net-tcp': 'cat /proc/net/tcp',
  lsof: 'lsof -nP -iTCP',
};

/** Where nothing changes but times: what a table can't show is left out. */
const without = (groups: readonly Group[], ...keys: (keyof Group)[]) =>
  groups
    .map((group) => ({
      state: group.state,
      count: group.count,
      local: group.local,
      peer: group.peer,
      holds: group.holds,
      how: group.ends.how,
      culprit: group.culprit,
      owner: keys.includes('owner') ? null : (group.owner?.pid ?? null),
    }))
    .sort((a, b) => a.state.localeCompare(b.state));

describe('the sockets of a lab', { timeout: 180_000 }, () => {
  it.each([
    ['close-wait', 'server', 'program-did-not-close'],
    ['close-wait-never-accepted', 'server', 'not-accepted'],
    ['fin-wait-2', 'client', 'peer-did-not-close'],
    ['fin-wait-2-orphaned', 'client', 'peer-did-not-close'],
    ['last-ack', 'server', 'fin-unanswered'],
    ['fin-wait-1-behind-data', 'client', 'fin-behind-unsent-data'],
    ['zero-window', 'client', 'peer-not-reading'],
    ['time-wait', 'client', '2msl'],
    ['syn-sent', 'client', 'synack-missing'],
  ])('in %s are explained live as from their tables', async (scenario, host, holds) => {
    const part = (name: string) => `echo '== ${name}'; echo '# ${TABLES[name as 'ss'] ?? ''}'`;
    const script = [
      // Until nothing is so young that it may be passing: the first timeout is over, and a FIN a second old.
      "while ss -tanoi 2>/dev/null | grep -qE 'timer:\\(on,[^,]*,0\\)|lastack:[0-9]{1,3}( |$)'; do sleep 0.1; done",
      ...Object.entries(TABLES).map(([name, command]) => `${part(name)}; ${command} 2>/dev/null || true`),
      `echo '== live'; ${THIS} why local --json`,
    ].join('\n');
    const { status, stdout } = await holdHere([scenario], host, script);
    expect(status).toBe(0);
    const parts = Object.fromEntries(
      stdout
        .split(/^== /m)
        .map((text) => [text.split('\n', 1)[0], text.slice(text.indexOf('\n') + 1)] as const),
    );
    const live = reportIn((parts['live'] ?? '').split('\n')[0] ?? '');
    expect(live.groups.map((group) => group.holds)).toContain(holds);
    const of = (name: string) => diagnosePaste(readTables(parts[name] ?? '')).groups;
    expect(without(of('ss'))).toEqual(without(live.groups));
    expect(without(of('netstat'))).toEqual(without(live.groups));
    expect(without(of('proc-net-tcp'), 'owner')).toEqual(without(live.groups, 'owner'));
    // lsof shows no socket without a descriptor, no queue and no timer.
    for (const { state, owner, local } of of('lsof'))
      expect(live.groups).toContainEqual(
        expect.objectContaining({
          state,
          local,
          owner: owner && expect.objectContaining({ pid: owner.pid }),
        }),
      );
  });

  it('are those of a namespace, a process and a shell there', async (context) => {
    needRoot(context, 'to enter a network namespace');
    const server = spawn('unshare', ['--net', 'sh', '-c', 'ip link set lo up; exec nc -l 127.0.0.1 7000'], {
      stdio: 'ignore',
    });
    try {
      const find = async () => {
        const { stdout } = await tcplab('why', `pid:${server.pid}`, '--json');
        return reportIn(stdout).groups[0];
      };
      const listening = await eventually(
        'nc listens',
        async () => (await find())?.state === 'LISTEN' || undefined,
      );
      expect(listening).toBe(true);
      expect(await find()).toMatchObject({ local: '127.0.0.1:7000', owner: { name: 'nc', pid: server.pid } });
      const byPid = reportIn((await tcplab('why', '--pid', String(server.pid), '--json')).stdout);
      expect(byPid.groups).toHaveLength(1);
      const place = `exec:nsenter --net=/proc/${server.pid}/ns/net --`;
      const there = reportIn((await tcplab('why', place, '--json')).stdout);
      expect(there).toMatchObject({ source: { kind: 'host' }, groups: [{ local: '127.0.0.1:7000' }] });
      expect(there.cannotKnow.join()).not.toMatch(/defaults/);
    } finally {
      server.kill('SIGKILL');
    }
  });

  it('that a program gains and does not close end --watch with 1', async (context) => {
    needRoot(context, 'to enter a network namespace');
    const leaky = `
      const net = require('node:net');
      const server = net.createServer({ allowHalfOpen: true }, (socket) => socket.resume());
      server.listen(7000, '127.0.0.1', () => process.stdin.on('data', () => net.connect(7000, '127.0.0.1').end()));`;
    const program = spawn(
      'unshare',
      [
        '--net',
        'sh',
        '-c',
        `ip link set lo up; exec '${process.execPath}' -e "${leaky.replaceAll('"', '\\"')}"`,
      ],
      {
        stdio: ['pipe', 'ignore', 'inherit'],
      },
    );
    try {
      await eventually(
        'it listens',
        async () =>
          execFileSync('nsenter', [`--net=/proc/${program.pid}/ns/net`, 'ss', '-tln'], {
            encoding: 'utf8',
          }).includes(':7000') || undefined,
      );
      const watch = new Program([...TCPLAB, 'why', `pid:${program.pid}`, '--watch', '--fail-on', 'leak']);
      await watch.until(/LISTEN/);
      program.stdin.write('one\n');
      await watch.until(/CLOSE-WAIT {2}0 → 1/);
      watch.child.kill('SIGINT');
      expect((await watch.ended).status).toBe(1);
    } finally {
      program.kill('SIGKILL');
    }
  });
});
