import { type ChildProcess, spawn } from 'node:child_process';
import { TcplabError } from '../error.ts';
import type { HostName, TimelineEvent } from '../evidence/events.ts';
import type { Host, SocketNumber, SpawnOptions, StartOptions } from '../lab/host.ts';
import type { Program } from '../lab/program.ts';
import type { Rule } from '../lab/rule.ts';
import type { IcmpToEncode, SegmentToEncode } from '../tcp/encode.ts';
import type { Endpoint } from '../tcp/endpoint.ts';
import type { SocketOption } from '../tcp/socket-options.ts';
import type { SocketRow } from '../tcp/socket-row.ts';
import type { Channel } from './channel.ts';
import { RemoteProgram } from './remote-program.ts';
import type { SharedHostAbilities } from './shared-host.ts';

interface Options {
  name: HostName;
  address: string;
  channel: Channel;
  /** Its number at the agent. */
  number: number;
  abilities: SharedHostAbilities;
  /** The lab's next numbers. */
  nextRule: () => number;
  nextProgram: () => number;
  /** Brings the timeline up to now, with all events that this host has reported. */
  settle: () => Promise<void>;
}

/** A host behind an agent. */
export class RemoteHost implements Host {
  readonly name: HostName;
  readonly address: string;
  readonly #options: Options;
  readonly #programs: RemoteProgram[] = [];

  constructor(options: Options) {
    this.name = options.name;
    this.address = options.address;
    this.#options = options;
  }

  /** Takes what has happened in it. */
  see(event: TimelineEvent): void {
    for (const program of this.#programs) program.see(event);
  }

  openSocket(): Promise<SocketNumber> {
    return this.#call('openSocket');
  }

  bind(socket: SocketNumber, local: Endpoint): Promise<void> {
    return this.#call('bind', socket, local);
  }

  listen(socket: SocketNumber, backlog: number): Promise<void> {
    return this.#call('listen', socket, backlog);
  }

  connect(socket: SocketNumber, remote: Endpoint): Promise<string | null> {
    return this.#call('connect', socket, remote);
  }

  accept(listener: SocketNumber): Promise<SocketNumber | undefined> {
    return this.#call('accept', listener);
  }

  shutdown(socket: SocketNumber): Promise<void> {
    return this.#call('shutdown', socket);
  }

  close(socket: SocketNumber): Promise<void> {
    return this.#call('close', socket);
  }

  abort(socket: SocketNumber): Promise<void> {
    return this.#call('abort', socket);
  }

  send(socket: SocketNumber, data: Uint8Array): Promise<number> {
    return this.#call('send', socket, data);
  }

  receive(socket: SocketNumber): Promise<Uint8Array | undefined> {
    return this.#call('receive', socket);
  }

  setOption(socket: SocketNumber, option: SocketOption, value: number): Promise<void> {
    return this.#call('setOption', socket, option, value);
  }

  takeError(socket: SocketNumber): Promise<string | null> {
    return this.#call('takeError', socket);
  }

  localEndpoint(socket: SocketNumber): Promise<Endpoint> {
    return this.#call('localEndpoint', socket);
  }

  openSockets(): Promise<{ socket: SocketNumber; inode: number }[]> {
    return this.#call('openSockets');
  }

  remoteEndpoint(socket: SocketNumber): Promise<Endpoint | undefined> {
    return this.#call('remoteEndpoint', socket);
  }

  destroySocket(local: Endpoint, remote: Endpoint): Promise<void> {
    return this.#call('destroySocket', local, remote);
  }

  sendSegment(segment: SegmentToEncode): Promise<void> {
    return this.#call('sendSegment', segment);
  }

  sendIcmp(error: IcmpToEncode): Promise<void> {
    return this.#call('sendIcmp', error);
  }

  watchLoopback(): Promise<void> {
    return this.#call('watchLoopback');
  }

  holdBack(): Promise<boolean> {
    return this.#call('holdBack');
  }

  release(): Promise<void> {
    return this.#call('release');
  }

  async setRule(rule: Rule): Promise<number> {
    const { channel, number, abilities, nextRule } = this.#options;
    if (abilities.firewall === null) {
      throw new TcplabError(
        'SYSTEM',
        `cannot set a rule on ${channel.place.name}: neither nftables nor iptables works there`,
        {
          hint: `its agent needs CAP_NET_ADMIN (root), and libnftables or iptables`,
        },
      );
    }
    const rules = nextRule();
    await channel.call('setRule', number, rules, rule);
    return rules;
  }

  liftRule(number: number): Promise<void> {
    return this.#call('liftRule', number);
  }

  async countRules(): Promise<void> {
    await this.#call('countRules');
    await this.#options.settle();
  }

  async count(): Promise<void> {
    await this.#call('count');
    await this.#options.settle();
  }

  readSysctl(name: string): Promise<string | undefined> {
    return this.#call('readSysctl', name);
  }

  writeSysctl(name: string, value: string | number): Promise<void> {
    return this.#call('writeSysctl', name, value);
  }

  async start(command: string | readonly string[], options: StartOptions = {}): Promise<Program> {
    const { channel, number, nextProgram } = this.#options;
    const program = nextProgram();
    const { directory, user } = options;
    const started = await channel.call('startProgram', number, program, command, {
      ...(directory === undefined ? {} : { directory }),
      ...(user === undefined ? {} : { user }),
    });
    const remote = new RemoteProgram(channel, number, program, started);
    this.#programs.push(remote);
    return remote;
  }

  giveLocalPorts(first: number, last: number): Promise<void> {
    return this.#call('giveLocalPorts', first, last);
  }

  /** Runs over a second connection like the agent's, because its stdio is the user's terminal. */
  async spawn(command: string, args: string[], options: SpawnOptions = {}): Promise<ChildProcess> {
    const { channel, number } = this.#options;
    const { place } = channel;
    // So that it ends with the host there, whatever becomes of the way by which it came.
    const marks = Object.entries(await channel.call('expectProgram', number)).map(
      ([name, value]) => `${name}=${value}`,
    );
    const words = ['env', ...marks, command, ...args];
    const stdio = options.stdio ?? 'inherit';
    const isForTerminal = stdio === 'inherit' && process.stdin.isTTY && process.stdout.isTTY;
    const [program = '', ...rest] = place.command(words, isForTerminal);
    return spawn(program, rest, {
      stdio,
      env: options.environment ?? process.env,
      detached: options.detached ?? false,
    });
  }

  async observe(): Promise<SocketRow[]> {
    const rows = await this.look();
    await this.#options.settle();
    return rows;
  }

  /** Observes, and leaves it to the caller to settle. */
  look(): Promise<SocketRow[]> {
    return this.#call('observe');
  }

  async dispose(): Promise<void> {
    const { channel, number } = this.#options;
    if (channel.isGone) return;
    await channel.call('dispose', number).catch((error: unknown) => {
      // Without a connection the agent there undoes everything, or its watchdog; why it was lost is known already.
      if (!channel.isGone) throw error;
    });
  }

  #call<T>(method: keyof Host, ...args: unknown[]): Promise<T> {
    const { channel, number } = this.#options;
    return channel.send(`host ${number} ${method}`, args) as Promise<T>;
  }
}
