import { describe, expect, it } from 'vitest';
import { type Counters, countedSince, parseList, parseTables, readCounters } from './counters.ts';

const SNMP = `Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens CurrEstab OutRsts
Tcp: 1 200 120000 -1 228 3 430
IcmpMsg: InType3
IcmpMsg: 1
`;

describe('the kernel’s counters', () => {
  it('are named as nstat names them: by their table and their own name', () => {
    expect(asObject(parseTables(SNMP))).toEqual({ TcpActiveOpens: 228, TcpOutRsts: 430, IcmpMsgInType3: 1 });
    expect(asObject(parseList('Ip6InReceives                   \t12\nIcmp6OutType133\t1\n'))).toEqual({
      Ip6InReceives: 12,
      Icmp6OutType133: 1,
    });
  });

  it('do not hold settings, nor what goes up and down', () => {
    const names = [...readCounters().keys()];
    expect(names).toContain('TcpExtListenOverflows');
    expect(names).toContain('TcpOutRsts');
    expect(names.filter((name) => /CurrEstab|TcpRto|Forwarding|DefaultTTL|MaxConn/.test(name))).toEqual([]);
  });

  it('are told by how much they changed; those that did not are left out', () => {
    const counted = (counters: Record<string, number>) => new Map(Object.entries(counters));
    expect(countedSince(counted({ a: 1, b: 2 }), counted({ a: 1, b: 5, c: 2, d: 0 }))).toEqual({
      b: 3,
      c: 2,
    });
  });

  it('of an older or newer kernel, with columns that are not known here, are taken as they are', () => {
    expect(asObject(parseTables('New: A B\nNew: 1 2\n'))).toEqual({ NewA: 1, NewB: 2 });
    expect(parseTables('').size).toBe(0);
    expect(parseList('').size).toBe(0);
  });
});

function asObject(counters: Counters): Record<string, number> {
  return Object.fromEntries(counters);
}
