import { showsOneProcess } from './command.ts';
import { endpointText, isAny } from './endpoint.ts';
import type { Table, TableEndpoint, TableRow } from './row.ts';

/** A socket, by all that the tables of a paste show of it. */
export interface SeenSocket extends TableRow {
  /** How many tables have it. */
  tables: number;
  /** All of them show the sockets of one process only (`lsof -p`). */
  isOneProcess: boolean;
  /** The tables that show it were made by root; null if nothing shows it. */
  asRoot: boolean | null;
  /** The tool said that it hides owners. */
  hidesOwners: boolean;
}

export interface Joined {
  sockets: readonly SeenSocket[];
  /** Entries of conntrack: of a box, and not of sockets. */
  entries: readonly TableRow[];
  /** Counts by state, without ends. */
  counts: readonly TableRow[];
}

/** The sockets of all tables of a paste, each once: two tools, or one tool twice, show the same sockets. */
export function joinTables(tables: readonly Table[]): Joined {
  const known = new Map<string, SeenSocket>();
  const entries: TableRow[] = [];
  const counts = new Map<string, TableRow>();
  for (const table of tables) {
    const alike = new Map<string, number>();
    const inTable = new Set<string>();
    for (const row of table.rows) {
      if (row.conntrack !== null) entries.push(row);
      else if (row.local === null) counts.set(row.state ?? '', row);
      else {
        const base = `${table.host} ${keyOf(row)}`;
        // Several sockets may listen at one address (SO_REUSEPORT); a descriptor that is shared has one inode.
        const isListener = row.state === 'LISTEN' && table.tool !== 'lsof';
        const number = isListener ? (alike.get(base) ?? 0) : 0;
        alike.set(base, number + 1);
        const key = `${base} ${number}`;
        const before = known.get(key);
        const seen = {
          ...row,
          tables: 1,
          isOneProcess: showsOneProcess(table.command),
          asRoot: table.asRoot,
          hidesOwners: table.hidesOwners,
        };
        known.set(key, before ? merged(before, seen, inTable.has(key)) : seen);
        inTable.add(key);
      }
    }
  }
  return { sockets: withoutCut([...known.values()]), entries, counts: [...counts.values()] };
}

function keyOf({ state, local, peer }: TableRow): string {
  const here = local ? sameAny(local) : '';
  return state === 'LISTEN' || state === 'CLOSED'
    ? `${state} ${here}`
    : `${here} ${peer ? endpointText(peer) : ''}`;
}

/** ss writes `*` for a listener of both families, and the others `::`. */
function sameAny(endpoint: TableEndpoint): string {
  return endpoint.address === '*' ? endpointText({ ...endpoint, address: '::' }) : endpointText(endpoint);
}

/** What the later table does not show stays as the earlier one had it, unless the socket is in another state by now. */
function merged(before: SeenSocket, after: SeenSocket, isSameTable: boolean): SeenSocket {
  const owners = ownersOf(before, after);
  const common = {
    tables: before.tables + (isSameTable ? 0 : 1),
    isOneProcess: before.isOneProcess && after.isOneProcess,
    hidesOwners: before.hidesOwners && after.hidesOwners,
    asRoot: before.asRoot === null ? after.asRoot : before.asRoot || after.asRoot,
    owners,
  };
  if (before.state !== after.state) return { ...after, ...common };
  return {
    ...after,
    ...common,
    line: before.line,
    local: before.local && !isAny(before.local.address) ? before.local : after.local,
    receiveQueue: after.receiveQueue ?? before.receiveQueue,
    sendQueue: after.sendQueue ?? before.sendQueue,
    timer: after.timer ?? before.timer,
    inode: after.inode ?? before.inode,
    uid: after.uid ?? before.uid,
    info: after.info ?? before.info,
  };
}

function ownersOf(before: SeenSocket, after: SeenSocket): SeenSocket['owners'] {
  if (before.owners === null || after.owners === null) return before.owners ?? after.owners;
  const all = [...before.owners];
  for (const owner of after.owners) {
    const index = all.findIndex(
      ({ pid, fd }) => pid === owner.pid && (fd === owner.fd || fd === null || owner.fd === null),
    );
    if (index < 0) all.push(owner);
    else if (all[index]?.fd === null) all[index] = owner;
  }
  return all;
}

/** Of an address that netstat has cut, another table may show all: then it is the same socket. What netstat cuts is in the short form, too. */
function withoutCut(sockets: readonly SeenSocket[]): SeenSocket[] {
  const isCut = ({ local, peer }: SeenSocket) => local?.isCut === true || peer?.isCut === true;
  if (!sockets.some(isCut)) return [...sockets];
  const whole = new Map<string, SeenSocket[]>();
  for (const socket of sockets.filter((one) => !isCut(one))) {
    const key = portsOf(socket);
    whole.set(key, [...(whole.get(key) ?? []), socket]);
  }
  return sockets.filter(
    (socket) =>
      !isCut(socket) ||
      !whole
        .get(portsOf(socket))
        ?.some(({ local, peer }) => beginsWith(local, socket.local) && beginsWith(peer, socket.peer)),
  );
}

function portsOf({ local, peer }: SeenSocket): string {
  return `${local?.port} ${peer?.port}`;
}

function beginsWith(whole: TableEndpoint | null, cut: TableEndpoint | null): boolean {
  if (!whole || !cut) return whole === cut;
  return cut.isCut ? whole.address.startsWith(cut.address.toLowerCase()) : whole.address === cut.address;
}
