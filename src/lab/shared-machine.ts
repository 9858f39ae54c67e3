import { TcplabError } from '../error.ts';
import type { HostName } from '../evidence/events.ts';
import { readSysctl, writeSysctl } from '../kernel/sysctl.ts';
import { type Endpoint, formatEndpoint, sameEndpoint } from '../tcp/endpoint.ts';
import type { WirePacket } from '../tcp/segment.ts';
import type { SocketRow } from '../tcp/socket-row.ts';
import type { State } from '../tcp/state.ts';
import type { PortBlock } from './client-ports.ts';
import { describeRule, type Rule } from './rule.ts';
import type { Undo } from './undo.ts';

export interface SharedMachineOptions {
  /** The host that it is. */
  name: HostName;
  /** Names what is set there, and nothing else does. */
  table: string;
  /** The address of the other host. */
  peer: string;
  serverPort: number;
  clientPorts: PortBlock;
  /** Whether its sysctls may be changed for a while. */
  allowSysctl: boolean;
  /** The connections by which it is reached, seen from it. */
  reachedBy: () => readonly { local: Endpoint; remote: Endpoint }[];
  /** Called before each change, with how to undo it. */
  keep: (undo: Undo) => void;
}

/**
 * A machine that others use as well, as one lab may see and change it: its own connections (by the peer's address and the
 * lab's ports), rules for those alone, and sysctls only when that was allowed, until it ends.
 */
export class SharedMachine {
  readonly #options: SharedMachineOptions;
  readonly #sysctls = new Map<string, string>();
  readonly #before: ReadonlySet<string>;

  /** `before`: the existing sockets, of other owners or an earlier lab. */
  constructor(options: SharedMachineOptions, before: readonly SocketRow[]) {
    this.#options = options;
    this.#before = new Set(before.map(({ cookie }) => cookie));
    const taken = before.find((row) => this.isOurs({ ...row, cookie: '' }) && IN_USE.has(row.state));
    if (!taken) return;
    const { local, remote, state } = taken;
    const ofClient = options.name === 'client' && remote.port === 0;
    const what =
      state === 'LISTEN' ? 'a process listens on it' : `${formatEndpoint(local)}, ${formatEndpoint(remote)}`;
    throw new TcplabError(
      'USAGE',
      `port ${ofClient ? local.port : options.serverPort} is in use at ${this.#machine} (${what})`,
      {
        hint: `choose another --${ofClient ? 'client-port' : 'port'}, or omit it to use a free one`,
      },
    );
  }

  get table(): string {
    return this.#options.table;
  }

  /** What the lab's programs there have in their environment. */
  get mark(): RegExp {
    return new RegExp(`^TCPLAB_HOST=(${this.#options.table})$`);
  }

  get keep(): (undo: Undo) => void {
    return this.#options.keep;
  }

  isOurs({ local, remote, cookie }: SocketRow): boolean {
    const { name, peer, serverPort } = this.#options;
    if (this.#before.has(cookie)) return false;
    const isUnconnected = remote.port === 0;
    if (name === 'server') return local.port === serverPort && (isUnconnected || remote.address === peer);
    if (isUnconnected) return this.#isClientPort(local.port);
    if (this.#isItsOwnPeer(local, remote)) return true;
    return remote.port === serverPort && remote.address === peer;
  }

  concerns(wire: WirePacket): boolean {
    const { source, destination } = wire.kind === 'tcp' ? wire.segment : wire.error.quoted;
    return this.joins(source, destination) || this.joins(destination, source);
  }

  /** Whether a connection of the lab has these ends. A socket without a peer is the lab's when it has the server's port. */
  joins(own: Endpoint, other: Endpoint): boolean {
    const { name, peer, serverPort } = this.#options;
    if (other.port === 0) return name === 'server' && own.port === serverPort;
    if (this.#isItsOwnPeer(own, other)) return true;
    return other.address === peer && (name === 'server' ? own : other).port === serverPort;
  }

  /** The rule, limited to the lab's own segments. Throws if it would match others, or tcplab's control connection. */
  narrow(rule: Rule): Rule {
    const { name, peer, serverPort } = this.#options;
    const field = (name === 'server') === (rule.hook === 'in') ? 'destinationPort' : 'sourcePort';
    const wanted = rule[field] ?? serverPort;
    if (wanted !== serverPort || (rule.peer !== undefined && rule.peer !== peer)) {
      throw new TcplabError(
        'USAGE',
        `${this.#machine} takes rules for port ${serverPort} and ${peer} alone`,
        {
          hint: 'others use that machine as well, so a rule must not match their segments',
        },
      );
    }
    const narrowed = { ...rule, peer, [field]: serverPort };
    const met = this.#options.reachedBy().find((connection) => meets(narrowed, connection));
    if (!met) return narrowed;
    const text = describeRule(narrowed, peer.includes(':') ? 'ipv6' : 'ipv4');
    throw new TcplabError(
      'USAGE',
      `the rule '${text}' would meet the very connection by which ${this.#machine} is reached (${formatEndpoint(met.local)}, ${formatEndpoint(met.remote)})`,
      { hint: 'choose another --port, or omit it to use a free one' },
    );
  }

  /** To be called in the machine's network. */
  changeSysctl(name: string, value: string | number): void {
    const { allowSysctl } = this.#options;
    if (!allowSysctl) {
      throw new TcplabError(
        'USAGE',
        `${name} would have to be changed, and ${this.#machine} is not the lab's own`,
        {
          hint: 'use --allow-sysctl: the lab then changes it, and restores it at the end',
        },
      );
    }
    const before = readSysctl(name);
    if (before !== undefined && !this.#sysctls.has(name)) {
      this.#options.keep({ what: 'sysctl', name, value: before });
      this.#sysctls.set(name, before);
    }
    writeSysctl(name, value);
  }

  /** Puts all sysctls back. To be called in the machine's network. */
  restore(): void {
    for (const [name, value] of this.#sysctls) writeSysctl(name, value);
    this.#sysctls.clear();
  }

  get #machine(): string {
    return `the machine of the ${this.#options.name}`;
  }

  /** Of the client's ports, one that is connected to itself. */
  #isItsOwnPeer(own: Endpoint, other: Endpoint): boolean {
    return this.#options.name === 'client' && sameEndpoint(own, other) && this.#isClientPort(own.port);
  }

  #isClientPort(port: number): boolean {
    const { first, last } = this.#options.clientPorts;
    return port >= first && port <= last;
  }
}

/** States that a timer ends do not count: an earlier lab may have left them. */
const IN_USE: ReadonlySet<State> = new Set([
  'LISTEN',
  'SYN-SENT',
  'SYN-RECEIVED',
  'ESTABLISHED',
  'CLOSE-WAIT',
]);

/** Whether a rule would decide on segments of a connection. */
function meets(
  { hook, peer, sourcePort, destinationPort }: Rule,
  { local, remote }: { local: Endpoint; remote: Endpoint },
): boolean {
  const [source, destination] = hook === 'in' ? [remote, local] : [local, remote];
  const fits = (port: Rule['sourcePort'], actual: number) =>
    port === undefined ||
    (typeof port === 'number' ? port === actual : port.first <= actual && actual <= port.last);
  return remote.address === peer && fits(sourcePort, source.port) && fits(destinationPort, destination.port);
}
