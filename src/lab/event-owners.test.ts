import { describe, expect, it } from 'vitest';
import { isOfSocket, type KernelEvent } from '../tcp/kernel-event.ts';
import type { State } from '../tcp/state.ts';
import { EventOwners, type Watcher } from './event-owners.ts';

const CLIENT = { address: '192.168.2.10', port: 1024 };
const SERVER = { address: '192.168.2.11', port: 80 };
const NOBODY = { address: '0.0.0.0', port: 0 };

/** A server whose client has port 1024, and what it was given. */
function serverWatching(owners: EventOwners): { watcher: Watcher; seen: KernelEvent[] } {
  const seen: KernelEvent[] = [];
  const watcher: Watcher = {
    namespace: 0,
    owns: ({ local, remote }: KernelEvent) => local.port === 80 && remote.port === 1024,
    runs: (pid: number) => pid === process.pid,
    see: (event) => isOfSocket(event) && seen.push(event),
    lose: () => {},
    miss: () => {},
  };
  owners.add(watcher);
  return { watcher, seen };
}

function change(from: State, to: State, remote = CLIENT, pid = process.pid): KernelEvent {
  const traced = { atNs: 1n, pid, namespace: null, local: SERVER, remote, socket: 0xffffn };
  return { name: 'inet_sock_set_state', ...traced, from, to };
}

describe('an event of the kernel', () => {
  it('is of the host that has the ports, from the socket’s beginning on', () => {
    const owners = new EventOwners();
    const { seen } = serverWatching(owners);
    owners.give(change('LISTEN', 'SYN-RECEIVED', NOBODY), undefined);
    owners.give(change('SYN-RECEIVED', 'ESTABLISHED'), undefined);
    owners.give(change('ESTABLISHED', 'CLOSE-WAIT'), undefined);
    expect(seen.map((event) => 'to' in event && event.to)).toEqual([
      'SYN-RECEIVED',
      'ESTABLISHED',
      'CLOSE-WAIT',
    ]);
  });

  it('is nobody’s when it ends a socket whose beginning nobody saw: a killed process’s, with the same ports', () => {
    const owners = new EventOwners();
    const { seen } = serverWatching(owners);
    owners.give(change('LAST-ACK', 'CLOSED'), undefined);
    owners.give({ ...change('LAST-ACK', 'CLOSED'), name: 'tcp_retransmit_skb' }, undefined);
    expect(seen).toEqual([]);
  });

  it('is nobody’s when the host whose socket it was has gone, though another has its ports now', () => {
    const owners = new EventOwners();
    const before = serverWatching(owners);
    owners.give(change('LISTEN', 'SYN-RECEIVED', NOBODY), undefined);
    owners.give(change('SYN-RECEIVED', 'ESTABLISHED'), undefined);
    expect(before.seen).toHaveLength(2);
    owners.remove(before.watcher);
    const { seen } = serverWatching(owners);
    owners.give(change('ESTABLISHED', 'CLOSED'), undefined);
    expect(seen).toEqual([]);
  });

  it('is given with its peer’s name once the kernel has told it: it says first that a socket comes from a listener', () => {
    const owners = new EventOwners();
    const { seen } = serverWatching(owners);
    owners.give(change('LISTEN', 'SYN-RECEIVED', NOBODY, 1), undefined);
    expect(seen).toEqual([]);
    owners.give(change('SYN-RECEIVED', 'ESTABLISHED'), undefined);
    expect(seen.map(({ remote }) => remote)).toEqual([CLIENT, CLIENT]);
  });

  it('is nobody’s when a stranger has connected from the same port', () => {
    const owners = new EventOwners();
    const { seen } = serverWatching(owners);
    owners.give(change('CLOSED', 'SYN-SENT', CLIENT, 1), undefined);
    owners.give(change('SYN-SENT', 'CLOSED', CLIENT, 1), undefined);
    expect(seen).toEqual([]);
    owners.give(change('CLOSED', 'SYN-SENT', CLIENT), undefined);
    owners.give(change('SYN-SENT', 'CLOSED', CLIENT, 1), undefined);
    expect(seen).toHaveLength(2);
  });

  it('is given with its own port once the kernel has told it: a program lets the kernel choose one', () => {
    const owners = new EventOwners();
    const { seen } = serverWatching(owners);
    const portless = { ...change('CLOSED', 'SYN-SENT'), local: { ...SERVER, port: 0 } };
    owners.give(portless, undefined);
    owners.give(change('SYN-SENT', 'ESTABLISHED'), undefined);
    expect(seen.map(({ local }) => local)).toEqual([SERVER, SERVER]);
  });

  describe('of a socket that connects, and has no port yet', () => {
    const portless = (from: State, to: State, socket = 0xffffn): KernelEvent => ({
      ...change(from, to),
      local: { ...SERVER, port: 0 },
      socket,
    });

    it('has the only port that the kernel can give it there', () => {
      const owners = new EventOwners();
      const { watcher, seen } = serverWatching(owners);
      watcher.onlyPort = SERVER.port;
      owners.give(portless('CLOSED', 'SYN-SENT'), undefined);
      expect(seen).toMatchObject([{ from: 'CLOSED', to: 'SYN-SENT', local: SERVER }]);
      owners.give(change('SYN-SENT', 'ESTABLISHED'), undefined);
      expect(seen).toHaveLength(2);
    });

    it('has that no more when it got none after all: there the kernel prints no port either', () => {
      const owners = new EventOwners();
      const { watcher, seen } = serverWatching(owners);
      watcher.onlyPort = SERVER.port;
      owners.give(portless('CLOSED', 'SYN-SENT'), undefined);
      owners.give(portless('SYN-SENT', 'CLOSED'), undefined);
      expect(seen).toMatchObject([{ to: 'SYN-SENT' }, { to: 'CLOSED', local: SERVER }]);
    });

    it('is nobody’s when another has got that port already', () => {
      const owners = new EventOwners();
      const { watcher, seen } = serverWatching(owners);
      watcher.onlyPort = SERVER.port;
      owners.give(portless('CLOSED', 'SYN-SENT'), undefined);
      owners.give(portless('CLOSED', 'SYN-SENT', 0xeeeen), undefined);
      owners.give(portless('SYN-SENT', 'CLOSED', 0xeeeen), undefined);
      expect(seen).toHaveLength(1);
    });

    it('is nobody’s when the kernel has more to choose from, or a stranger connects', () => {
      const owners = new EventOwners();
      const { watcher, seen } = serverWatching(owners);
      owners.give(portless('CLOSED', 'SYN-SENT'), undefined);
      watcher.onlyPort = SERVER.port;
      owners.give({ ...portless('CLOSED', 'SYN-SENT'), pid: 1 }, undefined);
      expect(seen).toEqual([]);
    });
  });

  it('of a listener is the caller’s, but not what another process does meanwhile', () => {
    const owners = new EventOwners();
    const { watcher, seen } = serverWatching(owners);
    owners.give(change('CLOSED', 'LISTEN', NOBODY), watcher);
    owners.give(change('LISTEN', 'CLOSED', NOBODY, 1), watcher);
    owners.give(change('LISTEN', 'SYN-RECEIVED', NOBODY), watcher);
    expect(seen.map((event) => 'to' in event && event.to)).toEqual(['LISTEN']);
  });

  it('of a segment that met no socket is known by its ports alone', () => {
    const owners = new EventOwners();
    const { seen } = serverWatching(owners);
    owners.give({ ...change('CLOSED', 'CLOSED'), name: 'tcp_send_reset', socket: 0n }, undefined);
    expect(seen).toHaveLength(1);
  });
});
