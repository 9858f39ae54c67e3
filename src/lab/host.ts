import type { ChildProcess, StdioOptions } from 'node:child_process';
import type { HostName } from '../evidence/events.ts';
import type { IcmpToEncode, SegmentToEncode } from '../tcp/encode.ts';
import type { Endpoint } from '../tcp/endpoint.ts';
import type { SocketOption } from '../tcp/socket-options.ts';
import type { SocketRow } from '../tcp/socket-row.ts';
import type { Program } from './program.ts';
import type { Rule } from './rule.ts';

/** A socket of a host that tcplab's own calls drive, by a number of that host. */
export type SocketNumber = number;

/** The methods of a host that a program would call on its own sockets. */
export const SOCKET_CALLS = [
  'openSocket',
  'bind',
  'listen',
  'connect',
  'accept',
  'shutdown',
  'close',
  'abort',
  'send',
  'receive',
  'setOption',
  'takeError',
] as const;

/**
 * A network stack with its own addresses, firewall and sockets. Its actions and observations become events on the lab's
 * timeline. Every method is asynchronous, because a host may be on another machine.
 */
export interface Host {
  readonly name: HostName;
  readonly address: string;

  /** A TCP socket that never blocks. */
  openSocket(): Promise<SocketNumber>;
  bind(socket: SocketNumber, local: Endpoint): Promise<void>;
  listen(socket: SocketNumber, backlog: number): Promise<void>;
  /** Starts to connect. Gives null or the errno's name: `EINPROGRESS` when it is under way. */
  connect(socket: SocketNumber, remote: Endpoint): Promise<string | null>;
  /** Undefined when nothing waits to be accepted. */
  accept(listener: SocketNumber): Promise<SocketNumber | undefined>;
  shutdown(socket: SocketNumber): Promise<void>;
  close(socket: SocketNumber): Promise<void>;
  /** close() with an RST (SO_LINGER 0). */
  abort(socket: SocketNumber): Promise<void>;
  /** Resolves to how many bytes the kernel accepted. */
  send(socket: SocketNumber, data: Uint8Array): Promise<number>;
  /** Empty after the peer's FIN, undefined when nothing has come. */
  receive(socket: SocketNumber): Promise<Uint8Array | undefined>;
  setOption(socket: SocketNumber, option: SocketOption, value: number): Promise<void>;
  /** SO_ERROR: the errno's name or null. Reading clears it. */
  takeError(socket: SocketNumber): Promise<string | null>;
  localEndpoint(socket: SocketNumber): Promise<Endpoint>;
  /** What is open now: each with the inode by which the socket table knows it. */
  openSockets(): Promise<{ socket: SocketNumber; inode: number }[]>;
  /** Undefined when it is not connected, or no longer. */
  remoteEndpoint(socket: SocketNumber): Promise<Endpoint | undefined>;

  /** Has the kernel destroy a connection of any process on this host, as `ss -K` does (SOCK_DESTROY). */
  destroySocket(local: Endpoint, remote: Endpoint): Promise<void>;

  /** Sends a crafted segment; the kernel of this host knows nothing of it. */
  sendSegment(segment: SegmentToEncode): Promise<void>;
  /** Sends a crafted ICMP error. */
  sendIcmp(error: IcmpToEncode): Promise<void>;

  /**
   * Has what this host sends wait until it is released, as on any network while ARP is unanswered: so that a call is
   * over before its segment leaves. Before the first segment only; false where the system does not let it.
   */
  holdBack(): Promise<boolean>;
  release(): Promise<void>;
  /** From now on, captures the loopback interface too: packets of this host to its own address. */
  watchLoopback(): Promise<void>;

  /** Gives the rule's number in the lab. */
  setRule(rule: Rule): Promise<number>;
  liftRule(number: number): Promise<void>;
  /** Puts each rule's counter on the timeline. */
  countRules(): Promise<void>;
  /** Observes, and puts all counters on the timeline, the rules' and the kernel's: they fit what was seen. For the end. */
  count(): Promise<void>;

  readSysctl(name: string): Promise<string | undefined>;
  writeSysctl(name: string, value: string | number): Promise<void>;

  /**
   * Starts a program in this host, in a process group of its own, and keeps what it says. It ends with the host, and all
   * that it started; also when tcplab is killed. A text is for the shell.
   */
  start(command: string | readonly string[], options?: StartOptions): Promise<Program>;
  /** The ports that a program's own connections get, from the first to the last. */
  giveLocalPorts(first: number, last: number): Promise<void>;

  /** Runs a program in this host with streams of its own choice. It is killed when tcplab ends, however it ends. */
  spawn(command: string, args: string[], options?: SpawnOptions): Promise<ChildProcess>;

  /**
   * Looks at everything there is to see: packets, drops, kernel events, and the socket table, which is given. All
   * that had happened before the call is on the timeline after it.
   */
  observe(): Promise<SocketRow[]>;

  /** Ends all that is in it. */
  dispose(): Promise<void>;
}

/** A host whose network namespace this process can enter, to open sockets there itself. */
export interface EnterableHost extends Host {
  /** Runs `work` inside the host, and all that it puts off: callbacks, timers, promises, the events of its sockets. */
  within<T>(work: () => T): T;
  /** Whether what runs now is such work. */
  isWithin(): boolean;
  /**
   * From now on nothing is read of what the kernel prints of this host: a program that spins makes more calls than can be read. The
   * timeline says so.
   */
  loseKernelEvents(why: string): void;
}

export function isEnterable(host: Host): host is EnterableHost {
  return 'within' in host;
}

export interface StartOptions {
  environment?: NodeJS.ProcessEnv;
  /** Where it runs; else where tcplab does. */
  directory?: string;
  /** The user that it runs as, by name or number; else the one that tcplab runs as. */
  user?: string;
}

export interface SpawnOptions extends StartOptions {
  stdio?: StdioOptions;
  /** In a process group of its own. */
  detached?: boolean;
}

/** How long a count waits for a pause in traffic: packets that arrive during the count may be in the counters or not. */
export const COUNTED_WITHIN_MS = 100;
