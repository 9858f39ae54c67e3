import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { ARC_SCENARIOS } from '../src/scenario/arc-catalogue.ts';
import { Program, run, TCPLAB, tcplabHere, temporaryFolder } from './cli.ts';

/** What a run printed, replay prints, byte for byte. */

const FORMS: [name: string, options: string[]][] = [
  ['the table', []],
  ['--json', ['--json']],
  ['--tap', ['--tap']],
];

describe.each(['ipv4', 'ipv6'] as const)('replay of a run of all scenarios, %s', (family) => {
  const ipv6 = family === 'ipv6' ? ['--ipv6'] : [];

  it.each(FORMS)('prints %s of the run, and writes its files', async (_, form) => {
    const folder = temporaryFolder();
    const at = (name: string) => join(folder, name);
    const files = (where: string) => ['--junit', at(`${where}.xml`), '--pcap', at(where)];
    const saved = at('run.ndjson');
    const ran = await tcplabHere('run', ...ipv6, ...form, ...files('ran'), '--timeline', saved);
    const replayed = await tcplabHere('replay', saved, ...form, ...files('replayed'));
    expect(replayed).toEqual({ ...ran, stderr: '' });
    expect(ran.stdout).not.toBe('');
    expect(readFileSync(at('replayed.xml'), 'utf8')).toBe(readFileSync(at('ran.xml'), 'utf8'));
    expect(await run(['diff', '-r', at('ran'), at('replayed')])).toEqual({
      status: 0,
      stdout: '',
      stderr: '',
    });
    expect((await run(['ls', at('ran')])).stdout.split('\n').length).toBeGreaterThan(26);
  });
});

it('replay of a run of all arcs that need not be waited out prints what the run did', async () => {
  const saved = join(temporaryFolder(), 'arcs.ndjson');
  const arcs = ARC_SCENARIOS.filter(({ slow }) => !slow).map(({ id }) => id);
  const ran = await tcplabHere('run', ...arcs, '--ladder', '--timeline', saved);
  expect(ran.stdout).toContain(`${arcs.length} of ${arcs.length} proven`);
  expect(await tcplabHere('replay', saved, '--ladder')).toEqual({ ...ran, stderr: '' });
});

describe('replay', () => {
  const folder = temporaryFolder();
  const saved = join(folder, 'run.ndjson');
  let text: string;
  let printed: string;

  beforeAll(async () => {
    const ran = await tcplabHere('run', 'fin-wait-1', 'bound', '--repeat', '2', '--timeline', saved);
    printed = ran.stdout;
    text = readFileSync(saved, 'utf8');
  });

  it('numbers the packets’ files of a repeated scenario', async () => {
    const packets = join(folder, 'packets');
    expect((await tcplabHere('replay', saved, '--pcap', packets)).status).toBe(0);
    const names = ['bound.1.pcapng', 'bound.2.pcapng', 'fin-wait-1.1.pcapng', 'fin-wait-1.2.pcapng'];
    expect((await run(['ls', packets])).stdout).toBe(names.map((name) => `${name}\n`).join(''));
  });

  it('reads from a pipe', async () => {
    const piped = await run(['sh', '-c', 'cat "$0" | "$@"', saved, ...TCPLAB, 'replay', '-']);
    expect(piped).toMatchObject({ status: 0, stdout: printed });
  });

  it('needs nothing of the system but to read files: no native code, no other program', async () => {
    const [node = '', ...rest] = TCPLAB;
    const known = process.allowedNodeEnvironmentFlags;
    const permission = known.has('--permission') ? '--permission' : '--experimental-permission';
    const ran = await run([node, permission, '--allow-fs-read=*', ...rest, 'replay', saved]);
    expect(ran).toMatchObject({ status: 0, stdout: printed });
    const lab = await run([node, permission, '--allow-fs-read=*', ...rest, 'run', 'bound']);
    expect(lab.status).not.toBe(0);
  });

  it('ends with the status of the run', async () => {
    const lines = text.split('\n').map((line) => line.replace('"samples":', '"samples":1,"was":'));
    const unproven = lines.map((line) => line.replace(/,"was":\d+/, '')).join('\n');
    const { status, stdout } = await replayOf(unproven);
    expect(status).toBe(1);
    expect(stdout).toContain('0 of 4 proven');
  });

  it('is over when the reader of its pipe is, and says nothing', async () => {
    const [ran] = [new Program(['sh', '-c', '"$@" | head -n 1', 'sh', ...TCPLAB, 'replay', saved])];
    const { stdout, stderr } = await ran.ended;
    expect(stdout).toBe(printed.slice(0, printed.indexOf('\n') + 1));
    expect(stderr).toBe('');
  });

  const replayOf = async (content: string | Uint8Array, ...options: string[]) => {
    const file = join(folder, 'changed.ndjson');
    writeFileSync(file, content);
    return tcplabHere('replay', file, ...options);
  };
  const lines = () => text.trimEnd().split('\n');
  const without = (from: number, count = 1) => lines().toSpliced(from - 1, count);
  const put = (all: readonly string[]) => `${all.join('\n')}\n`;

  it.each<[what: string, content: () => string | Uint8Array, line: RegExp]>([
    [
      'is cut within a line',
      () => text.slice(0, text.indexOf('\n', 4000) - 9),
      /line \d+: expected the rest of an event, .* end of the file/,
    ],
    ['is cut in its first line', () => text.slice(0, 100), /line 1: expected the rest of an event/],
    [
      'is cut between two lines',
      () => put(lines().slice(0, 9)),
      /line 10: expected more events and run-ended/,
    ],
    [
      'lacks its last line',
      () => put(without(lines().length)),
      /line \d+: expected more events and run-ended/,
    ],
    [
      'lacks a line',
      () => put(without(5)),
      /line \d+: expected \d+ lines in all, as run-ended says, found \d+/,
    ],
    ['lacks its first line', () => put(without(1)), /line 1: expected run-started, the first event/],
    ['lacks a lab-opened', () => put(without(2)), /line 2: expected lab-opened, found sockets/],
    [
      'lacks a lab',
      () => put(without(2, lines().findIndex((line, at) => at > 2 && line.includes('"lab-opened"')) - 1)),
      /line \d+: expected .*, which is next in the run/,
    ],
    [
      'has events out of order',
      () => put(without(6).toSpliced(4, 0, lines()[5] as string)),
      /line \d+: expected events in the order of time, found atMs [\d.]+ after [\d.]+/,
    ],
    ['has more after its end', () => `${text}{"type":"noted"}\n`, /line \d+: noted: atMs is missing/],
    ['has two runs', () => text + text, /line \d+: expected nothing after run-ended, found run-started/],
    [
      'has a line that is not JSON',
      () => put(without(5).toSpliced(4, 0, 'x')),
      /line 5: expected an event, found no/,
    ],
    [
      'has an unknown event',
      () => put(without(5).toSpliced(4, 0, '{"type":"sung","atMs":3}')),
      /line 5: unknown event type: found "sung"/,
    ],
    [
      'has a value that can’t be',
      () => text.replaceAll('"host":"client"', '"host":"clint"'),
      /line \d+: \w+: .*host: expected "client" or "server", found "clint"/,
    ],
    [
      'has a packet whose fields contradict its bytes',
      () => text.replace('"length":0', '"length":7'),
      /line \d+: \w+: wire\.segment\.length: expected 0 as in bytes, found 7/,
    ],
    [
      'has bytes that are not a packet',
      () => text.replace(/"bytes":"[^"]+"/, '"bytes":"AAAA"'),
      /line \d+: \w+: bytes: expected a TCP or ICMP packet/,
    ],
    [
      'claims twice',
      () => text.replace(/^\{"type":"claimed".*\n/m, '$&$&'),
      /line \d+: expected one claimed or gave-up in a lab, found a second: claimed/,
    ],
    [
      'holds twice',
      () => text.replace(/^\{"type":"held".*\n/m, '$&$&'),
      /line \d+: expected one held in a lab, found a second/,
    ],
    [
      'holds before it claims',
      () => text.replace(/^\{"type":"claimed".*\n/m, ''),
      /line \d+: expected claimed before held/,
    ],
    [
      'holds from before its claim',
      () => text.replace(/("type":"held",.*"fromMs":)[\d.]+/, '$10'),
      /line \d+: held: expected a hold from [\d.]+ \(claimed\) to [\d.]+, found fromMs 0/,
    ],
    [
      'counts for a rule that was not set',
      () => text.replace(/("type":"rule-counted",.*"rule":)\d+/, '$19'),
      /line \d+: expected a rule of this lab, found rule 9 of the (client|server)/,
    ],
    [
      'has a number that is not finite',
      () => text.replace(/"tookMs":[\d.]+/, '"tookMs":1e999'),
      /line \d+: \w+: tookMs: expected a number, 0 or more, found Infinity/,
    ],
    [
      'names a file that is not a scenario',
      () => text.replaceAll('"id":"bound"', '"id":"../bound"'),
      /line 1: run-started: scenarios\[\d\]\.id: expected the name of a scenario/,
    ],
    ['is empty', () => '', /line 1: expected a timeline, found an empty file/],
    ['is another text', () => '# tcplab\n', /line 1: expected run-started, the first event of a timeline$/m],
    ['is binary', () => readFileSync(process.execPath).subarray(0, 65536), /line 1: expected run-started/],
    ['is what --json prints', () => '{"format":"tcplab.run/1","results":[]}\n', /found tcplab\.run\/1/],
    [
      'is of a newer format',
      () => text.replaceAll('tcplab.timeline/1', 'tcplab.timeline/2'),
      /line 1: expected tcplab\.timeline\/1, found tcplab\.timeline\/2: it is newer than this tcplab\n {2}update/,
    ],
    [
      'is of a newer format that begins in another way',
      () => '{"format":"tcplab.timeline/12"}\n',
      /line 1: .* found tcplab\.timeline\/12: it is newer/,
    ],
  ])('refuses a file that %s, in one sentence', async (_, content, sentence) => {
    const { status, stdout, stderr } = await replayOf(content());
    expect(stderr).toMatch(sentence);
    expect(stderr).toMatch(/^tcplab: \S+changed\.ndjson, .+\n( {2}.+\n)?$/);
    expect(stdout).toBe('');
    expect(status).toBe(2);
  });

  it('bails out when it was printing TAP already', async () => {
    const { status, stdout } = await replayOf(put(without(lines().length)), '--tap');
    expect(stdout).toMatch(/^TAP version 14\n1\.\.4\n.*\nBail out! .*run-ended.*\n$/s);
    expect(status).toBe(2);
  });

  it.each<[what: string, args: () => string[], sentence: RegExp]>([
    ['a file that is not there', () => [join(folder, 'none')], /cannot read .*none: no such file/],
    ['a folder', () => [folder], /cannot read .*: illegal operation on a directory/],
    ['the timeline as its own report', () => [saved, '--junit', saved], /is the timeline itself/],
    ['--json with --tap', () => [saved, '--json', '--tap'], /'--tap' cannot be used with option '--json'/],
  ])('refuses %s', async (_, args, sentence) => {
    const { status, stdout, stderr } = await tcplabHere('replay', ...args());
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(sentence);
    expect(readFileSync(saved, 'utf8')).toBe(text);
  });
});

describe('run', () => {
  const folder = temporaryFolder();

  it.each<[what: string, options: string[], sentence: RegExp]>([
    [
      '--junit',
      ['--junit', '/nowhere/report.xml'],
      /cannot write \/nowhere\/report\.xml: no such file or directory/,
    ],
    ['--timeline', ['--timeline', folder], /cannot write .*: illegal operation on a directory/],
    ['--pcap', ['--pcap', '/dev/null'], /cannot write \/dev\/null: file already exists/],
    ['--pcap', ['--pcap', '/proc'], /cannot write \/proc: /],
    ['--pcap', ['--pcap', '/proc/x/y'], /cannot write \/proc\/x\/y: no such file or directory/],
  ])('says at once when what %s names can’t be written', async (_, options, sentence) => {
    const startMs = performance.now();
    const { status, stdout, stderr } = await tcplabHere('run', '--hold', '1h', ...options);
    expect(performance.now() - startMs).toBeLessThan(30_000);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(sentence);
  });

  it('refuses one file for two reports, and --json with --tap', async () => {
    const file = join(folder, 'both');
    expect((await tcplabHere('run', 'bound', '--junit', file, '--timeline', file)).status).toBe(2);
    expect((await tcplabHere('run', 'bound', '--json', '--tap')).status).toBe(2);
  });

  it('says when the disk is full, and is over', async () => {
    const { status, stderr } = await tcplabHere('run', 'bound', '--timeline', '/dev/full');
    expect(status).toBe(1);
    expect(stderr).toBe('tcplab: cannot write /dev/full: no space left on device\n');
  });
});
