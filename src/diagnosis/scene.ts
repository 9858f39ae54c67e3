import { endpointText, isAny } from '../tables/endpoint.ts';
import type { SeenSocket } from '../tables/join.ts';
import type { TableEndpoint } from '../tables/row.ts';
import type { Known } from './known.ts';

/** All sockets of a paste or a machine, and what they show of each other. */
export class Scene {
  readonly sockets: readonly SeenSocket[];
  readonly known: Known;
  readonly #listeners = new Map<number, SeenSocket[]>();
  readonly #localUses = new Map<string, number>();
  readonly #peerUses = new Map<string, number>();
  readonly #byEnds = new Map<string, SeenSocket>();
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
        count(this.#localUses, local);
        count(this.#peerUses, peer);
        this.#byEnds.set(`${endpointText(local)} ${endpointText(peer)}`, socket);
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
    return this.#byEnds.get(`${endpointText(peer)} ${endpointText(local)}`);
  }

  /** Which end has the port of the service; null where nothing shows it. */
  serviceOf({ state, local, peer }: SeenSocket): 'local' | 'peer' | null {
    if (state === 'LISTEN' || !local || !peer) return 'local';
    if (state === 'SYN-RECEIVED') return 'local';
    if (this.listenerAt(local)) return 'local';
    if (state === 'SYN-SENT' || this.listenerAt(peer)) return 'peer';
    const [here, there] = [
      this.#localUses.get(endpointText(local)) ?? 0,
      this.#peerUses.get(endpointText(peer)) ?? 0,
    ];
    if (here !== there) return here > there ? 'local' : 'peer';
    const [localPort, peerPort] = [servicePort(local), servicePort(peer)];
    if (localPort === peerPort) return null;
    return localPort < peerPort ? 'local' : 'peer';
  }

  /** How many ports of this address are in use towards one endpoint. */
  usesTowards(peer: TableEndpoint): number {
    return this.#peerUses.get(endpointText(peer)) ?? 0;
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

function count(uses: Map<string, number>, endpoint: TableEndpoint): void {
  const key = endpointText(endpoint);
  uses.set(key, (uses.get(key) ?? 0) + 1);
}
