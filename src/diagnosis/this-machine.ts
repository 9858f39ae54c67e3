import { NetworkNamespace } from '../kernel/namespace.ts';
import { currentPrivilege } from '../kernel/privileges.ts';
import { socketHolders } from '../kernel/process.ts';
import { type SocketAges, SocketTable } from '../kernel/sock-diag.ts';
import { readSysctl } from '../kernel/sysctl.ts';
import { printable } from '../printable.ts';
import type { SeenSocket } from '../tables/join.ts';
import type { Owner, TableEndpoint } from '../tables/row.ts';
import type { Endpoint } from '../tcp/endpoint.ts';
import type { SocketRow } from '../tcp/socket-row.ts';
import { SYSCTL_NAMES } from '../tcp/sysctls.ts';
import type { Seen } from './diagnose.ts';
import { knownFrom } from './known.ts';

const PORT_RANGE = 'net.ipv4.ip_local_port_range';

/** The sockets of a network namespace of this machine, as often as they are read. */
export class MachineSockets {
  readonly #namespace: NetworkNamespace;
  readonly #table: SocketTable;
  readonly #isRoot: boolean = currentPrivilege() === 'root';

  /** Of this process's own namespace, or of the one behind a file such as /proc/PID/ns/net, which needs CAP_SYS_ADMIN. */
  constructor(path?: string) {
    this.#namespace = path === undefined ? NetworkNamespace.home() : NetworkNamespace.at(path);
    this.#table = this.#namespace.enter(() => new SocketTable());
  }

  /** `pid`: only the sockets that this process has open. Owners take longer than all else. */
  read(pid?: number, { hasOwners = true }: { hasOwners?: boolean } = {}): Seen {
    const holders = hasOwners ? ownersByInode(pid === undefined ? undefined : [pid]) : new Map();
    const sockets: SeenSocket[] = [];
    this.#table.visit((row, ages) => {
      const owners = holders.get(row.inode) ?? [];
      if (pid === undefined || owners.length > 0) sockets.push(this.#seen(row, ages, owners));
    });
    const table = { tool: 'sock_diag' as const, host: '', command: null, asRoot: this.#isRoot, rows: [] };
    return {
      sockets,
      entries: [],
      counts: [],
      tables: [{ ...table, hidesOwners: !this.#isRoot }],
      facts: { sysctls: new Map(), sockstat: null, summary: null, errors: [] },
      known: knownFrom(this.#namespace.enter(sysctls)),
    };
  }

  #seen(row: Omit<SocketRow, 'cookie'>, ages: SocketAges | null, owners: readonly Owner[]): SeenSocket {
    const { state, inode, uid, timer, expiresMs, info } = row;
    return {
      line: 0,
      state,
      conntrack: null,
      local: endpointFrom(row.local),
      peer: state === 'LISTEN' ? null : endpointFrom(row.remote),
      receiveQueue: row.receiveQueue,
      sendQueue: row.sendQueue,
      owners: inode === 0 ? [] : owners,
      timer: {
        kind: timer,
        leftMs: expiresMs,
        count: row.retransmits,
        countsAnswers: state === 'SYN-RECEIVED',
      },
      inode,
      uid,
      info: info && {
        lastSentMs: ages?.lastSentMs ?? null,
        lastReceivedMs: ages?.lastReceivedMs ?? null,
        lastAckMs: ages?.lastAckMs ?? null,
        rtoMs: info.rtoMs,
        rttMs: info.rttMs,
        backoff: info.backoff,
        unacknowledged: info.unacknowledged,
        totalRetransmits: info.totalRetransmits,
        sendWindow: null,
      },
      count: 1,
      forgottenInS: null,
      tables: 1,
      isOneProcess: false,
      asRoot: this.#isRoot,
      hidesOwners: !this.#isRoot,
    };
  }

  close(): void {
    this.#table.close();
    this.#namespace.close();
  }
}

function endpointFrom({ address, port }: Endpoint): TableEndpoint {
  return { address, port: port === 0 ? null : port, service: null, isCut: false };
}

function ownersByInode(pids?: readonly number[]): ReadonlyMap<number, Owner[]> {
  const owners = new Map<number, Owner[]>();
  for (const { inode, pid, name, fd } of socketHolders(pids)) {
    const owner: Owner = { pid, name: printable(name), fd };
    const others = owners.get(inode);
    if (others) others.push(owner);
    else owners.set(inode, [owner]);
  }
  return owners;
}

function sysctls(): ReadonlyMap<string, string> {
  const names = [...Object.values(SYSCTL_NAMES), PORT_RANGE];
  return new Map(
    names.flatMap((name) => {
      const value = readSysctl(name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
