import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { agentName, allJournals, JournalWriter, readJournal, removeJournal } from './journal.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tcplab-test-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const AGENT = 'tcplab_77_88_99';

/** A journal with these lines, in a folder of its own. */
function written(...lines: string[]): string {
  const path = join(folder, `${AGENT}.ndjson`);
  writeFileSync(path, lines.join('\n'));
  return path;
}

describe('what is read of a journal', () => {
  it('is all but the line that an agent could not end', () => {
    const path = written(
      '{"network":"net:[1]"}',
      '{"what":"sysctl","name":"net.ipv4.tcp_syncookies","value":"0"}',
      '{"what":"nft-ta',
    );
    expect(readJournal(path)).toEqual({
      path,
      agent: AGENT,
      network: 'net:[1]',
      undos: [{ what: 'sysctl', name: 'net.ipv4.tcp_syncookies', value: '0' }],
    });
  });

  it('is everything but its network, where the first line is broken', () => {
    const path = written('{"netw', `{"what":"nft-table","table":"inet ${AGENT}_1"}`);
    expect(readJournal(path)).toMatchObject({ network: undefined, undos: [{ what: 'nft-table' }] });
  });

  it.each([
    { what: 'sysctl', name: 'kernel.core_pattern', value: '|/tmp/evil' },
    { what: 'sysctl', name: 'net.ipv4/../../kernel/core_pattern', value: '|/tmp/evil' },
    { what: 'sysctl', name: 'net..kernel', value: '1' },
    { what: 'nft-table', table: 'inet filter' },
    { what: 'nft-table', table: `inet ${AGENT}_1; flush ruleset` },
    { what: 'nft-table', table: 'inet tcplab_1_2_3_1' },
    { what: 'iptables-rule', family: 'ipv4', rule: 'INPUT -p tcp --dport 22 -j DROP' },
    {
      what: 'iptables-rule',
      family: 'ipv4',
      rule: `INPUT -p tcp -m comment --comment "${AGENT}_1 1" -j DROP\n-F INPUT`,
    },
    { what: 'trace-instances', beginning: '' },
    { what: 'trace-instances', beginning: 'tcplab-' },
    { what: 'shell', command: 'reboot' },
    null,
  ])('is nothing that no agent of its name writes: %j', (line) => {
    expect(readJournal(written('{"network":"net:[1]"}', JSON.stringify(line))).undos).toEqual([]);
  });

  it('is what an agent writes', () => {
    const undos = [
      { what: 'trace-instances', beginning: 'tcplab-77-88-' },
      { what: 'sysctl', name: 'net.ipv4.ip_local_port_range', value: '32768\t60999' },
      { what: 'nft-table', table: `inet ${AGENT}_12` },
      {
        what: 'iptables-rule',
        family: 'ipv6',
        rule: 'OUTPUT -p tcp -d fd77::1 --sport 80:90 --tcp-flags SYN,ACK SYN,ACK -j NFLOG --nflog-group 4711 --nflog-threshold 1 --nflog-prefix 3',
      },
      {
        what: 'iptables-rule',
        family: 'ipv4',
        rule: `INPUT -p tcp -s 10.0.0.1 --dport 80 -m comment --comment "${AGENT}_1 3" -j REJECT --reject-with icmp-host-unreachable`,
      },
      {
        what: 'iptables-rule',
        family: 'ipv4',
        rule: `INPUT -p tcp -m ecn --ecn-tcp-ece -m u32 --u32 "0x0>>0x16&0x3c@0xc&0xffff=0x1:0x2" -m comment --comment "${AGENT}_1 4" -j DROP`,
      },
    ];
    expect(readJournal(written(...undos.map((undo) => JSON.stringify(undo)))).undos).toEqual(undos);
  });
});

describe('the folder of journals', () => {
  it.each([
    ['anybody may write to', () => chmodSync(folder, 0o777)],
    [
      'is but a link',
      () => {
        mkdirSync(join(folder, 'real'));
        symlinkSync(join(folder, 'real'), join(folder, 'link'));
      },
    ],
  ])('is not one that %s', (_title, make) => {
    make();
    const place = existsSync(join(folder, 'link')) ? join(folder, 'link') : folder;
    writeFileSync(join(place, `${AGENT}.ndjson`), '{"network":"net:[1]"}\n');
    expect(allJournals([place])).toEqual([]);
    const { path } = new JournalWriter([place]);
    expect(dirname(path)).not.toBe(place);
    removeJournal(path);
    expect(existsSync(dirname(path))).toBe(false);
  });

  it('is there for as long as something is in it', () => {
    const own = join(folder, 'own');
    const { path } = new JournalWriter([own]);
    expect(path).toBe(join(own, `${agentName()}.ndjson`));
    expect(allJournals([own])).toMatchObject([{ agent: agentName(), undos: [] }]);
    removeJournal(path);
    expect(existsSync(own)).toBe(false);
  });

  it('keeps what is there already: nobody else writes into a journal', () => {
    const own = join(folder, 'own');
    mkdirSync(own);
    symlinkSync(join(folder, 'elsewhere'), join(own, `${agentName()}.ndjson`));
    const { path } = new JournalWriter([own]);
    expect(dirname(path)).not.toBe(own);
    expect(existsSync(join(folder, 'elsewhere'))).toBe(false);
    removeJournal(path);
  });
});
