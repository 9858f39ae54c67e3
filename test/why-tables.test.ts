import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diagnosePaste } from '../src/diagnosis/diagnose.ts';
import type { Diagnosis, Group } from '../src/diagnosis/diagnosis.ts';
import { readTables } from '../src/tables/read.ts';
import { parseLeft } from '../src/tables/ss.ts';

/** Tables that real tools printed of situations made on a real kernel, and what is right about them. */

interface Expected {
  groups: {
    state: Group['state'];
    count: number;
    local: string | null;
    peer: string | null;
    owner: Group['owner'];
    since: { seconds: number; tolerance: number } | null;
    holds: Group['holds'];
    ends: { how: Group['ends']['how']; whenSeconds: number | null; tolerance: number | null };
    culprit: Group['culprit'];
  }[];
  verdict: Pick<Diagnosis['verdict'], 'leaks' | 'culprit' | 'wrong'>;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not come.
const STEERING = /[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/;
const FOLDER = join(import.meta.dirname, 'tables');
const NAMES = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.expect.json'))
  .map((name) => name.replace('.expect.json', ''));
const textOf = (name: string) => readFileSync(join(FOLDER, `${name}.txt`), 'utf8');
const expectedOf = (name: string) =>
  JSON.parse(readFileSync(join(FOLDER, `${name}.expect.json`), 'utf8')) as Expected;
const diagnosed = (text: string) => diagnosePaste(readTables(text));

/** What differs from what is right, in a line each. */
function faults(expected: Expected, { groups, verdict }: Diagnosis): string[] {
  const left = [...groups];
  const found: string[] = [];
  for (const want of expected.groups) {
    const index = left.findIndex((group) => isLike(want, group));
    const [group] = index < 0 ? [] : left.splice(index, 1);
    const about = `${want.state} ${want.count} ${want.local} ${want.peer} ${want.holds}`;
    if (!group) found.push(`missing: ${about}`);
    else found.push(...numberFaults(want, group).map((fault) => `${about}: ${fault}`));
  }
  found.push(
    ...left.map(({ state, count, local, holds }) => `invented: ${state} ${count} ${local} ${holds}`),
  );
  for (const part of ['leaks', 'culprit', 'wrong'] as const) {
    const [is, should] = [JSON.stringify(verdict[part]), JSON.stringify(expected.verdict[part])];
    if (is !== should) found.push(`verdict: ${part} is ${is}, not ${should}`);
  }
  return found;
}

function isLike(want: Expected['groups'][number], group: Group): boolean {
  return (
    (['state', 'count', 'local', 'peer', 'holds', 'culprit'] as const).every(
      (key) => want[key] === group[key],
    ) &&
    want.ends.how === group.ends.how &&
    JSON.stringify(want.owner) === JSON.stringify(group.owner)
  );
}

function numberFaults({ since, ends }: Expected['groups'][number], group: Group): string[] {
  const off = (
    is: number | undefined | null,
    want: number | undefined | null,
    tolerance: number | null | undefined,
  ) =>
    (is ?? null) === null || (want ?? null) === null
      ? (is ?? null) !== (want ?? null)
      : Math.abs(Number(is) - Number(want)) > Number(tolerance);
  return [
    ...(off(group.since?.seconds, since?.seconds, since?.tolerance)
      ? [`since ${group.since?.seconds}, not ${since?.seconds}`]
      : []),
    ...(off(group.ends.whenSeconds, ends.whenSeconds, ends.tolerance)
      ? [`ends in ${group.ends.whenSeconds}, not ${ends.whenSeconds}`]
      : []),
  ];
}

describe.each(NAMES)('%s', (name) => {
  it('is explained, and nothing is claimed beside it', () => {
    expect(faults(expectedOf(name), diagnosed(textOf(name)))).toEqual([]);
  });
});

const every = (change: (line: string) => string) => (text: string) => text.split('\n').map(change).join('\n');
const folded = (columns: number) => (text: string) =>
  text
    .split('\n')
    .flatMap((line) => line.trimEnd().match(new RegExp(`.{1,${columns}}`, 'g')) ?? [''])
    .join('\n');
/** The wrapped table has tabs: it can't be wrapped or indented a second time. */
const WAYS: [name: string, change: (text: string) => string, but?: readonly string[]][] = [
  ['with CR LF', (text) => text.replaceAll('\n', '\r\n')],
  [
    'in colors',
    (text) => text.replace(/\b(CLOSE[-_]WAIT|ESTAB(LISHED)?|LISTEN)\b/g, '\x1b[01;31m\x1b[K$1\x1b[m\x1b[K'),
  ],
  ['quoted in a mail', every((line) => `> ${line}`)],
  ['without headers', every((line) => (/^(Active|Proto|State|COMMAND| *sl|Recv-Q)/.test(line) ? '' : line))],
  ['in a log', every((line) => `2026-12-01T04:25:07.123Z ${line}`)],
  ['in syslog', every((line) => `Dec  1 04:25:07 srv-1 probe[33]: ${line}`)],
  ['with an empty line after each', every((line) => `${line}\n`)],
  ['twice', (text) => `${text}\n${text}`],
  ['indented', every((line) => `    ${line}`)],
  ['wrapped at 80 columns', folded(80), ['wrapped-ss', 'last-ack-vanished-peer']],
  ['wrapped at 60 columns', folded(60), ['wrapped-ss', 'last-ack-vanished-peer']],
  ['with its blanks squeezed', every((line) => line.replace(/ +/g, ' ').trim()), ['wrapped-ss']],
];

describe.each(WAYS)('a table %s', (_way, change, but = []) => {
  it('is explained as it was', () => {
    const found = NAMES.filter((name) => !but.includes(name)).flatMap((name) =>
      faults(expectedOf(name), diagnosed(change(textOf(name)))).map((fault) => `${name}: ${fault}`),
    );
    expect(found).toEqual([]);
  });
});

describe('the test of the tables', () => {
  it('sees a count, an owner and a state that are wrong', () => {
    const expected = expectedOf('close-wait-netstat');
    const text = textOf('close-wait-netstat');
    expect(faults(expected, diagnosed(text.replace(/^tcp.*CLOSE_WAIT.*\n/m, '')))).toHaveLength(2);
    expect(faults(expected, diagnosed(text.replaceAll('7856/app', '7857/app')))).not.toEqual([]);
    expect(faults(expected, diagnosed(text.replaceAll('CLOSE_WAIT', 'LAST_ACK')))).not.toEqual([]);
  });
});

describe('what a tool prints', () => {
  const shown = (text: string) =>
    diagnosed(text).groups.map(({ state, conntrack, count, local, peer, owner, holds }) =>
      [conntrack ?? state, count, local, peer, owner?.name, holds].filter((part) => part != null).join(' '),
    );

  it.each([
    ['6.264ms', 6264],
    ['708ms', 708],
    ['008ms', 8],
    ['46sec', 46_000],
    ['1min53sec', 113_000],
    ['119min', 7_140_000],
    ['', undefined],
    ['soon', undefined],
  ])('%s of ss is %s ms', (text, ms) => {
    expect(parseLeft(text)).toBe(ms);
  });

  it.each([
    [
      'BusyBox',
      'tcp        0      0 :::8081                 :::*                    LISTEN      \n' +
        'tcp        1      0 ::ffff:10.20.0.20:8081  ::ffff:10.20.0.10:50524 CLOSE_WAIT  ',
      ['CLOSE-WAIT 1 10.20.0.20:8081 10.20.0.10:* program-did-not-close', 'LISTEN 1 [::]:8081 listening'],
    ],
    [
      'an old ss',
      'CLOSE-WAIT 1      0      10.20.0.20:8080               10.20.0.10:36012              users:(("java",12973,18))\n' +
        'LISTEN     129    128                       *:8080                     *:*      users:(("java",12973,4))',
      [
        'CLOSE-WAIT 1 10.20.0.20:8080 10.20.0.10:* java program-did-not-close',
        'LISTEN 1 *:8080 java accept-queue-full',
      ],
    ],
    [
      'netstat with names',
      'tcp        1      0 srv-1:http-alt          client:48112            CLOSE_WAIT  7856/java           ',
      ['CLOSE-WAIT 1 srv-1:8080 client:* java program-did-not-close'],
    ],
    [
      'netstat with users and inodes',
      'tcp        1      0 10.20.0.20:8080         10.20.0.10:39980        CLOSE_WAIT  1000       99999      7856/app: worker',
      ['CLOSE-WAIT 1 10.20.0.20:8080 10.20.0.10:* app: worker program-did-not-close'],
    ],
    [
      'lsof with threads',
      'java      12973    12980 http-1    tomcat   49u  IPv6            2877211      0t0  TCP [2001:db8::20]:8080->[2001:db8::10]:49390 (CLOSE_WAIT)',
      ['CLOSE-WAIT 1 [2001:db8::20]:8080 [2001:db8::10]:* java program-did-not-close'],
    ],
    [
      '/proc/net/tcp6',
      '   0: 0000000000000000FFFF00001400140A:1F90 0000000000000000FFFF00000A00140A:E390 08 00000000:00000001 00:00000000 00000000  1000        0 2888572 1 0 20 4 0 10 -1',
      ['CLOSE-WAIT 1 10.20.0.20:8080 10.20.0.10:* program-did-not-close'],
    ],
    [
      'awk, counts',
      'TIME_WAIT 814\nESTABLISHED 634',
      ['ESTABLISHED 634 open', 'TIME_WAIT 814 2msl'.replace('_', '-')],
    ],
    [
      'awk, columns',
      '10.20.0.20:8080 10.20.0.10:48112 CLOSE_WAIT\n10.20.0.20:8080 10.20.0.10:48113 CLOSE_WAIT',
      ['CLOSE-WAIT 2 10.20.0.20:8080 10.20.0.10:* program-did-not-close'],
    ],
    [
      'watch, of which the last screen counts',
      'Every 2.0s: ss -tan state close-wait    srv-1: Tue Dec  1 04:25:07 2026\n\n1 0 10.20.0.20:3000 10.20.0.10:47101\n1 0 10.20.0.20:3000 10.20.0.10:47102\n' +
        'Every 2.0s: ss -tan state close-wait    srv-1: Tue Dec  1 04:25:09 2026\n\n1 0 10.20.0.20:3000 10.20.0.10:47102\n',
      ['CLOSE-WAIT 1 10.20.0.20:3000 10.20.0.10:* program-did-not-close'],
    ],
  ])('is read: %s', (_tool, text, groups) => {
    expect(shown(text)).toEqual(groups);
  });

  it('is not taken for a socket where it is an entry of conntrack: which end has closed is not known', () => {
    const { groups, verdict } = diagnosed(textOf('conntrack'));
    expect(groups.map(({ state }) => state)).toEqual(Array(3).fill('conntrack'));
    expect(groups.find(({ conntrack }) => conntrack === 'CLOSE_WAIT')).toMatchObject({
      count: 2,
      culprit: null,
      ends: { how: 'timer', whenSeconds: 55 },
    });
    expect(verdict.leaks).toBeNull();
  });

  it('says which lines were not read, and why', () => {
    const { tables, unread, otherProtocols } = readTables(
      'tcp 0 0 1.2.3.4:5 6.7.8.9:10 ESTABLISHED\nhello\ntcp4 0 0 10.0.0.1.52431 10.0.0.2.443 ESTABLISHED\n' +
        '1 0 10.20.0.20:3000 10.20.0.10:47102\nudp 0 0 0.0.0.0:68 0.0.0.0:*\n  TCP    0.0.0.0:135   0.0.0.0:0   LISTENING  10\n',
    );
    expect(tables).toHaveLength(1);
    expect(otherProtocols).toBe(1);
    expect(unread.map(({ line, why }) => `${line} ${why}`)).toEqual([
      '2 not a row of a known table',
      expect.stringMatching(/^3 .*macOS/),
      expect.stringMatching(/^4 a row without a state/),
      expect.stringMatching(/^6 .*Windows/),
    ]);
  });

  it('does not call a connection unaccepted because root may not see its owner', () => {
    const hidden =
      '# ss -tanp\nLISTEN     0 512 0.0.0.0:8080 0.0.0.0:*\nCLOSE-WAIT 1 0 10.20.0.20:8080 10.20.0.10:36012\n';
    expect(shown(hidden)).toContain('CLOSE-WAIT 1 10.20.0.20:8080 10.20.0.10:* program-did-not-close');
    const seen = hidden.replace('0.0.0.0:*', '0.0.0.0:* users:(("app",pid=7,fd=3))');
    expect(shown(seen)).toContain('CLOSE-WAIT 1 10.20.0.20:8080 10.20.0.10:* not-accepted');
  });

  it('is only printable text in what is reported', () => {
    const text =
      'tcp 1 0 10.0.0.1:1 10.0.0.2:2 CLOSE_WAIT 7/\x1b]0;evil\x07a\u202eb\x9b31m\nx\x1b[2Jy\u2066z\n';
    const { unread } = readTables(text);
    expect(JSON.stringify([unread, diagnosed(text)])).not.toMatch(STEERING);
  });

  it('never ends in an error, whatever was cut or changed', () => {
    const text = fc
      .tuple(fc.constantFrom(...NAMES), fc.nat(), fc.nat(40), fc.string({ unit: 'binary', maxLength: 20 }))
      .map(([name, at, cut, put]) => {
        const whole = textOf(name);
        const from = at % whole.length;
        return whole.slice(0, from) + put + whole.slice(from + cut);
      });
    fc.assert(
      fc.property(text, (changed) => {
        const { groups } = diagnosed(changed);
        expect(groups.every(({ count }) => count >= 0)).toBe(true);
      }),
      { numRuns: Number(process.env['TCPLAB_FUZZ_STEPS'] ?? 100) },
    );
  });
});
