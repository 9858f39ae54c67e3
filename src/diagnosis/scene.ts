import { isAny } from '../tables/endpoint.ts';
import type { SeenSocket } from '../tables/join.ts';
import type { TableEndpoint } from '../tables/row.ts';
import type { Known } from './known.ts';

/** All sockets of a paste or a machine, and what they show of each other. */
export class Scene {
  readonly sockets: readonly SeenSocket[];
  readonly known: Known;
  readonly #listeners = new Map<number, SeenSocket[]>();
  /** By the number of an endpoint. */
  readonly #localUses: number[] = [];
  readonly #peerUses: number[] = [];
  /** By the number of the local end: the only socket there, or those there by the number of the peer. */
  readonly #byEnds: (SeenSocket | Map<number, SeenSocket>)[] = [];
  readonly #numbers = new Map<string, Map<string | number, number>>();
  #endpoints = 0;
  /** Whether any table names owners. */
  readonly showsOwners: boolean;

  constructor(sockets: readonly SeenSocket[], known: Known) {
    this.sockets = sockets;
    this.known = known;
    this.showsOwners = sockets.some(({ owners }) => owners !== null);
    for (const socket of sockets) {
      const { state, local, peer } = socket;
      if (!local) continue;
      if (state === 'LISTEN') {
        const port = local.port ?? 0;
        const others = this.#listeners.get(port);
        if (others) others.push(socket);
        else this.#listeners.set(port, [socket]);
      } else if (peer) {
        const [here, there] = [this.numberOf(local), this.numberOf(peer)];
        this.#localUses[here] = (this.#localUses[here] ?? 0) + 1;
        this.#peerUses[there] = (this.#peerUses[there] ?? 0) + 1;
        this.#keep(socket, here, there);
      }
    }
  }

  /** The listener that a connection came in at, or to which it was made on this machine. */
  listenerAt(endpoint: TableEndpoint | null): SeenSocket | undefined {
    if (!endpoint || endpoint.port === null) return undefined;
    const all = this.#listeners.get(endpoint.port) ?? [];
    return (
      all.find(({ local }) => local?.address === endpoint.address) ??
      all.find(({ local }) => local && (isAny(local.address) || local.isCut || endpoint.isCut))
    );
  }

  /** The other end of a connection, if it is in the tables too. */
  otherEnd({ local, peer }: SeenSocket): SeenSocket | undefined {
    if (!local || !peer) return undefined;
    const there = this.#byEnds[this.numberOf(peer)];
    const number = this.numberOf(local);
    if (there instanceof Map) return there.get(number);
    return there?.peer && this.numberOf(there.peer) === number ? there : undefined;
  }

  #keep(socket: SeenSocket, here: number, there: number): void {
    const before = this.#byEnds[here];
    if (before instanceof Map) before.set(there, socket);
    else if (before?.peer)
      this.#byEnds[here] = new Map([
        [this.numberOf(before.peer), before],
        [there, socket],
      ]);
    else this.#byEnds[here] = socket;
  }

  /** One number for each endpoint: a text for each of 100,000 sockets would take most of the time. */
  numberOf({ address, isCut, port, service }: TableEndpoint): number {
    const host = isCut ? `${address}…` : address;
    let ports = this.#numbers.get(host);
    if (!ports) {
      ports = new Map();
      this.#numbers.set(host, ports);
    }
    const at = port ?? service ?? '*';
    let number = ports.get(at);
    if (number === undefined) {
      number = this.#endpoints++;
      ports.set(at, number);
    }
    return number;
  }

  /** Which end has the port of the service; null where nothing shows it. */
  serviceOf({ state, local, peer }: SeenSocket): 'local' | 'peer' | null {
    if (state === 'LISTEN' || !local || !peer) return 'local';
    if (state === 'SYN-RECEIVED') return 'local';
    if (this.listenerAt(local)) return 'local';
    if (state === 'SYN-SENT' || this.listenerAt(peer)) return 'peer';
    const here = this.#localUses[this.numberOf(local)] ?? 0;
    const there = this.usesTowards(peer);
    if (here !== there) return here > there ? 'local' : 'peer';
    const [localPort, peerPort] = [servicePort(local), servicePort(peer)];
    if (localPort === peerPort) return null;
    return localPort < peerPort ? 'local' : 'peer';
  }

  /** How many ports of this address are in use towards one endpoint. */
  usesTowards(peer: TableEndpoint): number {
    return this.#peerUses[this.numberOf(peer)] ?? 0;
  }

  /** Every listener with connections in its queue. */
  waitingAt(endpoint: TableEndpoint | null): number {
    return this.listenerAt(endpoint)?.receiveQueue ?? 0;
  }

  /** Whether a socket has no owner, and not only none that was shown: null if that can't be told. */
  isOwnerless(socket: SeenSocket): boolean | null {
    if (socket.inode === 0) return true;
    if (socket.owners && socket.owners.length > 0) return false;
    if (socket.inode !== null && socket.inode > 0) return false;
    if (socket.owners === null || socket.hidesOwners) return null;
    // A user who may see the owner of the listener sees that of its connections. Root may not: in a container, of another PID namespace.
    const listener = this.listenerAt(socket.local);
    return listener?.owners && listener.owners.length > 0 ? true : null;
  }
}

/** A port of which the tool prints a name is a service's. */
function servicePort({ port, service }: TableEndpoint): number {
  return service === null ? (port ?? 65_536) : 0;
}
