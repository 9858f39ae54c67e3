import { describe, expect, it } from 'vitest';
import { type Counters, countedSince, parseCounters, readCounters } from './counters.ts';

const SNMP = `Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens CurrEstab OutRsts
Tcp: 1 200 120000 -1 228 3 430
IcmpMsg: InType3
IcmpMsg: 1
`;

describe('the kernel’s counters', () => {
  it('are named as nstat names them: by their table and their own name', () => {
    const list = 'Ip6InReceives                   \t12\nIcmp6OutType133\t1\n';
    expect(asObject(parseCounters({ tables: SNMP, list }))).toEqual({
      TcpActiveOpens: 228,
      TcpOutRsts: 430,
      IcmpMsgInType3: 1,
      Ip6InReceives: 12,
      Icmp6OutType133: 1,
    });
  });

  it('do not hold settings, nor what goes up and down', () => {
    const names = [...parseCounters(readCounters()).keys()];
    expect(names).toContain('TcpExtListenOverflows');
    expect(names).toContain('TcpOutRsts');
    expect(names.filter((name) => /CurrEstab|TcpRto|Forwarding|DefaultTTL|MaxConn/.test(name))).toEqual([]);
  });

  it('are told by how much they changed; those that did not are left out', () => {
    const before = { tables: 'T: a b\nT: 1 2\nU: a\nU: 7\n', list: 'V6a\t1\nV6b\t1\n' };
    const after = { tables: 'T: a b c d\nT: 1 5 2 0\nU: a\nU: 7\n', list: 'V6a\t1\nV6b\t4\nV6c\t1\n' };
    expect(countedSince(before, after)).toEqual({ Tb: 3, Tc: 2, V6b: 3, V6c: 1 });
    expect(countedSince(after, after)).toEqual({});
  });

  it('of an older or newer kernel, with columns that are not known here, are taken as they are', () => {
    const counters = parseCounters({ tables: 'New: A B\nNew: 1 2\n', list: '' });
    expect(asObject(counters)).toEqual({ NewA: 1, NewB: 2 });
    expect(parseCounters({ tables: '', list: '' }).size).toBe(0);
  });
});

function asObject(counters: Counters): Record<string, number> {
  return Object.fromEntries(counters);
}
