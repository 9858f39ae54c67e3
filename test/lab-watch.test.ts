import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { describe, expect, it, type TestContext } from 'vitest';
import type { StateNews, WatchNews } from '../src/report/story/watch-news.ts';
import {
  eventually,
  IS_ROOT,
  needRoot,
  Program,
  REPOSITORY,
  run,
  TCPLAB,
  tcplabAsOrdinaryUser,
  temporaryFolder,
} from './cli.ts';
import { isListening, OpenLab } from './open-lab.ts';
import { Tmux } from './tmux.ts';

const validate: ValidateFunction = new Ajv2020().compile(
  JSON.parse(readFileSync(join(REPOSITORY, 'schema/watch.schema.json'), 'utf8')) as object,
);

/** A lab that is watched, with the news so far. */
class WatchedLab extends OpenLab {
  constructor(tcplab: readonly string[], ...options: string[]) {
    super(tcplab, '--watch', '--json', ...options);
  }

  get news(): WatchNews[] {
    return this.program.stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as WatchNews);
  }

  /** The states of one end in the news, of one connection, or of listeners. */
  states(host: string, connection: number | null = 1): StateNews[] {
    return this.news.filter(
      (one): one is StateNews => one.news === 'state' && one.host === host && one.connection === connection,
    );
  }

  /** Waits until the end is reported in the state, with this verdict. */
  told(host: string, state: string, verdict = 'proven', connection: number | null = 1): Promise<StateNews> {
    return eventually(`${host} ${state} ${verdict} in ${this.program.stdout}`, () =>
      this.states(host, connection).findLast((one) => one.state === state && one.verdict === verdict),
    );
  }

  start(host: string, ...argv: string[]): Program {
    return new Program(this.command(host, ...argv));
  }
}

/** Listens on that port of every address, and then does what `script` says with `l`. */
const listener = (port: number, script: string) => [
  'python3',
  '-c',
  `import socket, time; l = socket.create_server(('', ${port})); ${script}; time.sleep(600)`,
];

const witnesses = ({ witnesses: all }: StateNews) =>
  Object.entries(all).flatMap(([name, { agrees }]) => (agrees ? [name] : []));

describe.each([
  ['as root', false],
  ['as an ordinary user', true],
] as const)('a lab that is watched, %s', (_, isOrdinary) => {
  const seesEvents = !isOrdinary && IS_ROOT;
  const open = async (context: TestContext, ...options: string[]) => {
    needRoot(context, isOrdinary ? 'to become an ordinary user' : 'to be it');
    const lab = new WatchedLab(isOrdinary ? tcplabAsOrdinaryUser() : TCPLAB, ...options);
    await lab.program.until(/Ctrl-C ends it/, 'stderr');
    return lab;
  };

  it('says who proves each state of a connection that others make', async (context) => {
    await using lab = await open(context);
    const server = lab.start('server', ...listener(80, 'c = l.accept()'));
    await eventually('a listener', isListening(lab, 80));
    const client = lab.start('client', 'python3', '-c', CONNECT_AND_WAIT);
    const established = await lab.told('client', 'ESTABLISHED');
    expect(witnesses(established)).toEqual(
      seesEvents ? ['socketTable', 'packets', 'kernelEvents'] : ['socketTable', 'packets'],
    );
    expect(established.processes.map(({ name }) => name)).toEqual(['python3']);
    client.kill('SIGTERM');
    const closed = await lab.told('server', 'CLOSE-WAIT');
    expect(closed.processes).toMatchObject([{ name: 'python3' }]);
    await lab.told('client', 'FIN-WAIT-2');
    expect(lab.states('server').filter(({ state }) => state === 'LAST-ACK')).toEqual([]);
    server.kill('SIGKILL');
    await lab.told('client', 'TIME-WAIT');
    const flags = lab.news.flatMap((one) => (one.news === 'segment' ? [one.flags] : []));
    expect(flags.slice(0, 3)).toEqual(['S', 'S.', '.']);
    expect(lab.news).toContainEqual(expect.objectContaining({ news: 'connection', connection: 1 }));
  });

  it('names the rule of iptables that drops, as far as it can know', async (context) => {
    await using lab = await open(context);
    lab.start('server', ...listener(80, 'c = l.accept()'));
    await eventually('a listener', isListening(lab, 80));
    const client = lab.start('client', 'python3', '-c', CONNECT_AND_WAIT);
    await lab.told('server', 'ESTABLISHED');
    await lab.inside('server', 'iptables -A INPUT -p tcp --tcp-flags FIN FIN -j DROP');
    await eventually('the rule', () => lab.news.some(({ news }) => news === 'rule'));
    client.kill('SIGTERM');
    await lab.told('client', 'FIN-WAIT-1');
    const fin = await eventually('a FIN', () =>
      lab.news.find((one) => one.news === 'segment' && one.flags === 'F.'),
    );
    const rule = 'ip filter INPUT: tcp flags & fin == fin drop';
    expect(fin).toMatchObject({ fate: expect.stringContaining(rule) });
    expect(validate(fin), JSON.stringify(validate.errors)).toBe(true);
    expect(lab.states('server').filter(({ state }) => state === 'CLOSE-WAIT')).toEqual([]);
    await lab.inside('server', 'iptables -F');
    await lab.told('server', 'CLOSE-WAIT');
    const removed = lab.news.find((one) => one.news === 'rule' && one.change === 'removed');
    expect(removed).toMatchObject({ host: 'server', rule });
    expect((removed as { packets: number }).packets).toBeGreaterThan(0);
  });

  it('judges two connections at once, each by itself', async (context) => {
    await using lab = await open(context);
    lab.start('server', ...listener(80, 'c = l.accept(); d = l.accept()'));
    await eventually('a listener', isListening(lab, 80));
    const clients = [0, 1].map(() => lab.start('client', 'python3', '-c', CONNECT_AND_WAIT));
    await lab.told('server', 'ESTABLISHED', 'proven', 1);
    await lab.told('server', 'ESTABLISHED', 'proven', 2);
    clients[0]?.kill('SIGTERM');
    const closing = await eventually('one of them', () =>
      [1, 2].find((number) =>
        lab
          .states('server', number)
          .some(({ state, verdict }) => state === 'CLOSE-WAIT' && verdict === 'proven'),
      ),
    );
    const other = 3 - closing;
    expect(lab.states('server', other).every(({ state }) => state === 'ESTABLISHED')).toBe(true);
    expect(lab.states('client', other).some(({ isOver }) => isOver)).toBe(false);
  });

  it('tells a connection that was never accepted from one that was', async (context) => {
    await using lab = await open(context);
    lab.start('server', ...listener(80, 'pass'));
    await eventually('a listener', isListening(lab, 80));
    lab.start('client', 'python3', '-c', CONNECT_AND_WAIT);
    const waiting = await lab.told('server', 'ESTABLISHED');
    expect(waiting).toMatchObject({ processes: [], hasNoDescriptor: true });
    const listens = await lab.told('server', 'LISTEN', 'proven', null);
    expect(listens).toMatchObject({ address: '0.0.0.0:80', processes: [{ name: 'python3' }] });
  });

  it('does not prove what a rule without a counter may have changed', async (context) => {
    await using lab = await open(context);
    lab.start('server', ...listener(80, 'c = l.accept()'));
    await eventually('a listener', isListening(lab, 80));
    await lab.inside(
      'server',
      `nft add table inet t && nft add chain inet t c '{type filter hook input priority 0;}' &&
      nft add rule inet t c tcp flags psh drop`,
    );
    await eventually('the rule', () => lab.news.some(({ news }) => news === 'rule'));
    lab.start('client', 'python3', '-c', CONNECT_AND_WAIT.replace('time.sleep', "c.send(b'x'); time.sleep"));
    // As root, the kernel reports what it drops; else only the socket table shows what the server got.
    const told = await lab.told('server', 'ESTABLISHED', seesEvents ? 'proven' : 'unproven');
    expect(witnesses(told)).toEqual(
      seesEvents ? ['socketTable', 'packets', 'kernelEvents'] : ['socketTable'],
    );
  });

  it('shows connections within a host, of which no packet is captured', async (context) => {
    await using lab = await open(context);
    const script = "c = socket.create_connection(('127.0.0.1', 4000)); d = l.accept()";
    lab.start('server', ...listener(4000, script));
    const find = (verdict: string) =>
      lab.news.find(
        (one) => one.news === 'state' && one.state === 'ESTABLISHED' && one.verdict === verdict && one.remote,
      );
    const told = (await eventually('an end', () => find(seesEvents ? 'proven' : 'unproven'))) as StateNews;
    expect(validate(told), JSON.stringify(validate.errors)).toBe(true);
    expect(told).toMatchObject({ host: 'server', connection: null });
    expect(witnesses(told)).toEqual(seesEvents ? ['socketTable', 'kernelEvents'] : ['socketTable']);
    expect(lab.news.filter(({ news }) => news === 'connection' || news === 'segment')).toEqual([]);
  });

  it('says that it can’t read the rules of iptables-legacy, and proves nothing by packets that these may drop', async (context) => {
    await using lab = await open(context);
    const { status } = await lab.inside(
      'server',
      'iptables-legacy -A INPUT -p tcp --tcp-flags FIN FIN -j DROP',
    );
    if (status !== 0)
      return context.skip(
        seesEvents
          ? 'needs iptables-legacy, in the kernel too'
          : 'this machine’s kernel has no iptables-legacy for ordinary users',
      );
    await eventually('the rule', () => lab.news.some(({ news }) => news === 'rule'));
    expect(lab.news.find(({ news }) => news === 'rule')).toMatchObject({
      host: 'server',
      rule: expect.stringContaining("iptables-legacy (ip filter): tcplab can't read its rules"),
    });
    lab.start('server', ...listener(80, 'c = l.accept()'));
    await eventually('a listener', isListening(lab, 80));
    lab.start(
      'client',
      'python3',
      '-c',
      `${CONNECT_AND_WAIT.replace('time.sleep', 'c.shutdown(1); time.sleep')}`,
    );
    await lab.told('client', 'FIN-WAIT-1');
    const told = await lab.told('server', 'ESTABLISHED', seesEvents ? 'proven' : 'unproven');
    expect(witnesses(told)).toEqual(
      seesEvents ? ['socketTable', 'packets', 'kernelEvents'] : ['socketTable'],
    );
    expect(lab.states('server').filter(({ verdict }) => verdict === 'disproven')).toEqual([]);
    const fin = await eventually('a FIN', () =>
      lab.news.find((one) => one.news === 'segment' && one.flags === 'F.'),
    );
    expect(fin).toMatchObject({
      fate: seesEvents ? 'dropped: netfilter (rule unknown)' : 'arrived; may have been dropped by a rule',
    });
    expect(validate(fin), JSON.stringify(validate.errors)).toBe(true);
  });

  it('ends with Ctrl-C, leaves what runs inside, and saves what a replay finds again', async (context) => {
    const folder = temporaryFolder();
    const file = join(folder, 'watched.ndjson');
    await using lab = await open(context, ...(isOrdinary ? [] : ['--timeline', file]));
    const server = lab.start('server', ...listener(80, 'c = l.accept()'));
    await eventually('a listener', isListening(lab, 80));
    const client = lab.start('client', 'python3', '-c', CONNECT_AND_WAIT);
    await lab.told('server', 'ESTABLISHED');
    lab.program.kill('SIGINT');
    expect(await lab.program.ended).toMatchObject({ status: 0 });
    expect(lab.program.offspring()).toEqual([]);
    for (const { pid } of [server, client]) expect(existsSync(`/proc/${pid}`)).toBe(true);
    for (const one of [server, client]) one.kill('SIGKILL');
    if (isOrdinary) return;
    const replayed = await run([...TCPLAB, 'replay', file, '--json']);
    for (const one of lab.news) expect(validate(one), JSON.stringify(validate.errors)).toBe(true);
    const states = (lines: string) =>
      lines.split('\n').flatMap((line) => {
        const one = line ? (JSON.parse(line) as WatchNews) : undefined;
        return one?.news === 'state' ? [`${one.connection} ${one.host} ${one.state} ${one.verdict}`] : [];
      });
    expect(new Set(states(replayed.stdout))).toEqual(new Set(states(lab.program.stdout)));
    const [page, packets] = [join(folder, 'watched.html'), join(folder, 'packets')];
    const drawn = await run([...TCPLAB, 'replay', file, '--ladder', '--report', page, '--pcap', packets]);
    expect(drawn.stdout).toMatch(/\nconnection 1\n.*SYN-ACK.*ESTABLISHED/s);
    expect(readFileSync(page, 'utf8')).toMatch(/a lab that was watched, 1 connection/);
    expect(readFileSync(join(packets, 'watched.pcapng')).includes('a lab in which others acted')).toBe(true);
    // Without its packets and kernel events, the same file proves nothing.
    const bare = readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => !/"type":"(captured|kernel|program-[a-z]+)"/.test(line));
    const ended = bare.map((line) => line.replace(/"lines":\d+/, `"lines":${bare.length - 1}`));
    writeFileSync(join(folder, 'bare.ndjson'), ended.join('\n'));
    const without = await run([...TCPLAB, 'replay', join(folder, 'bare.ndjson'), '--json']);
    expect(states(without.stdout).length).toBeGreaterThan(0);
    expect(
      states(without.stdout).filter((text) => text.endsWith('proven') && !text.endsWith('unproven')),
    ).toEqual([]);
  });
});

const CONNECT_AND_WAIT =
  "import socket, signal, time; signal.signal(15, lambda *_: exit()); c = socket.create_connection(('server', 80)); time.sleep(600)";

describe('the live view', () => {
  it.each([60, 80, 160])('counts timers down, and fits %i columns', async (columns) => {
    const name = `live-${process.pid}-${columns}`;
    const tmux = new Tmux();
    const tcplab = TCPLAB.join(' ');
    const terminal = await tmux.open(`${tcplab} lab ${name} --watch`, columns, 30);
    await terminal.until((lines) => lines.some((line) => line.includes('Ctrl-C ends the lab')), 'the lab');
    const inside = (host: string, script: string) =>
      run([...TCPLAB, 'enter', host, '--lab', name, '--', 'sh', '-c', script]);
    const once = "import socket; l = socket.create_server(('', 80)); c = l.accept()[0]; c.recv(1); c.close()";
    const server = new Program([...TCPLAB, 'enter', 'server', '--lab', name, '--', 'python3', '-c', once]);
    await eventually('a listener', async () =>
      (await inside('server', 'ss -Htln')).stdout.includes('LISTEN'),
    );
    await inside('client', 'nc -N -w 5 server 80 < /dev/null');
    await server.ended;
    const seconds = (lines: string[]) =>
      lines.flatMap((line) => (/TIME-WAIT ends in about (\d+) s/.exec(line)?.[1] ?? '') || []).map(Number);
    const lines = await terminal.until(
      (all) => seconds(all).some((left) => left < 58),
      'a TIME-WAIT whose timer runs',
    );
    expect(lines.filter((line) => line.length > columns)).toEqual([]);
    expect(lines.join('\n')).toMatch(/TIME-WAIT {2}proven, \d/);
    await terminal.press('C-c');
    await tmux.run('kill-server');
  });
});

describe('what `tcplab lab --watch` does not do', () => {
  it.each([
    [['lab', '--timeline', 'x'], /--timeline requires --watch/],
    [['lab', '--json'], /--json requires --list, --watch or --grade/],
    [['lab', '--report', 'x'], /--report requires --watch/],
    [['lab', '--ladder'], /--ladder requires --watch/],
  ])('%j is refused', async (args, says) => {
    const { status, stderr } = await run([...TCPLAB, ...args]);
    expect(status).toBe(2);
    expect(stderr).toMatch(says);
  });
});
