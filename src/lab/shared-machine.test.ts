import { describe, expect, it } from 'vitest';
import { listenerRow, row } from '../../test/hand-built.ts';
import type { HostName } from '../evidence/events.ts';
import type { SocketRow } from '../tcp/socket-row.ts';
import type { Rule } from './rule.ts';
import { SharedMachine, type SharedMachineOptions } from './shared-machine.ts';

const [OWN, PEER] = ['10.0.0.2', '10.0.0.1'];

function machine(more: Partial<SharedMachineOptions> = {}, before: SocketRow[] = []): SharedMachine {
  const ports = { serverPort: 8080, clientPorts: { first: 2000, last: 2011 } };
  const rest = { allowSysctl: false, reachedBy: () => [], keep: () => {} };
  return new SharedMachine(
    { name: 'server', table: 'tcplab_1_2_1', peer: PEER, ...ports, ...rest, ...more },
    before,
  );
}

const at = (port: number, remote = `${PEER}:2000`) => {
  const [address = '', peerPort] = remote.split(':');
  return row('ESTABLISHED', { address: OWN, port }, { address, port: Number(peerPort) });
};

describe('a rule on a machine that others use', () => {
  it.each<[HostName, Rule, Rule]>([
    ['server', { hook: 'in', fate: 'drop' }, { hook: 'in', fate: 'drop', peer: PEER, destinationPort: 8080 }],
    ['server', { hook: 'out', fate: 'drop' }, { hook: 'out', fate: 'drop', peer: PEER, sourcePort: 8080 }],
    ['client', { hook: 'in', fate: 'drop' }, { hook: 'in', fate: 'drop', peer: PEER, sourcePort: 8080 }],
    [
      'client',
      { hook: 'out', fate: 'drop' },
      { hook: 'out', fate: 'drop', peer: PEER, destinationPort: 8080 },
    ],
  ])('of the %s is narrowed to the peer and the lab’s port: %o', (name, rule, narrowed) => {
    expect(machine({ name }).narrow(rule)).toEqual(narrowed);
  });

  it('for another port, or somebody else, is refused', () => {
    const both = [
      { destinationPort: 22 },
      { destinationPort: { first: 1, last: 9000 } },
      { peer: '10.0.0.9' },
    ];
    for (const other of both) {
      expect(() => machine().narrow({ hook: 'in', fate: 'drop', ...other })).toThrow(
        /for port 8080 and 10\.0\.0\.1 alone/,
      );
    }
  });

  it('that would meet a connection by which the machine is reached is refused', () => {
    const reached = (local: string, remote: string) => () => {
      const [own, other] = [local, remote].map((text) => {
        const [address = '', port] = text.split(':');
        return { address, port: Number(port) };
      });
      return own && other ? [{ local: own, remote: other }] : [];
    };
    const drop = (hook: 'in' | 'out'): Rule => ({ hook, fate: 'drop' });
    const refuses = /would meet the very connection by which the machine of the server is reached/;
    for (const hook of ['in', 'out'] as const) {
      expect(() =>
        machine({ reachedBy: reached(`${OWN}:8080`, `${PEER}:50000`) }).narrow(drop(hook)),
      ).toThrow(refuses);
      expect(() =>
        machine({ reachedBy: reached(`${OWN}:22`, `${PEER}:50000`) }).narrow(drop(hook)),
      ).not.toThrow();
      expect(() =>
        machine({ reachedBy: reached(`${OWN}:8080`, '10.0.0.9:50000') }).narrow(drop(hook)),
      ).not.toThrow();
    }
  });
});

describe('a port that is named', () => {
  it.each([
    ['somebody listens on it', 'server', listenerRow('0.0.0.0', 8080)],
    ['somebody serves the peer on it', 'server', at(8080)],
    ['somebody is connected with it', 'client', at(40_000, `${PEER}:8080`)],
  ] as const)('is refused when %s', (_title, name, there) => {
    expect(() => machine({ name }, [there])).toThrow(/port 8080 is in use at the machine of the/);
  });

  it('is taken when others are connected otherwise, or a lab before has left TIME-WAITs', () => {
    const others = [at(8081), at(8080, '10.0.0.9:2000'), listenerRow('0.0.0.0', 22)];
    const left = { ...at(8080), state: 'TIME-WAIT' as const, cookie: 'left' };
    const server = machine({}, [...others, left]);
    // And what was there before is not shown as the lab's.
    expect(server.isOurs(left)).toBe(false);
    expect(server.isOurs({ ...at(8080), cookie: 'new' })).toBe(true);
    expect(server.isOurs({ ...at(8080, '10.0.0.9:2000'), cookie: 'new' })).toBe(false);
  });
});
