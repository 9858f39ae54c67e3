import { TcplabError } from '../error.ts';
import { mustFit, work as workShape } from '../evidence/arguments.ts';
import type { HostName } from '../evidence/events.ts';
import { type Host, isEnterable } from '../lab/host.ts';
import type { Lab } from '../lab/lab.ts';
import type { Program } from '../lab/program.ts';
import type { SocketRow } from '../tcp/socket-row.ts';
import type { Connections } from './connections.ts';
import { OwnSockets } from './own-sockets.ts';
import { type ProgramOptions, startProgram } from './program.ts';
import { drop, type Rejected, reject, type Segments, type TestRule } from './rule.ts';

/** What both hosts of a lab have: rules, programs, and the test's own sockets. */
export class TestHost {
  readonly name: HostName;
  readonly address: string;
  protected readonly lab: Lab;
  protected readonly host: Host;
  protected readonly connections: Connections;
  #own: OwnSockets | undefined;

  /** @internal */
  constructor(lab: Lab, host: Host, connections: Connections) {
    this.lab = lab;
    this.host = host;
    this.connections = connections;
    this.name = host.name;
    this.address = host.address;
  }

  /** Makes this host's packet filter drop segments, silently. */
  drop(segments: Segments = {}): Promise<TestRule> {
    return drop(this.lab, this.host, segments);
  }

  /** Makes this host's packet filter drop segments and reply to the sender. */
  reject(segments: Rejected = {}): Promise<TestRule> {
    return reject(this.lab, this.host, segments);
  }

  /**
   * Starts a program in this host; a text is run by the shell. With a `port` it waits until the program listens on it, and
   * throws TIMEOUT with the program's output if it does not. The program ends with the lab, and so does everything that it
   * started.
   */
  start(command: string | readonly string[], options: ProgramOptions = {}): Promise<Program> {
    return startProgram(this.lab, this.host, command, options);
  }

  /**
   * Runs `work` of the test process inside this host. The sockets that it creates belong to this host, also those that it
   * creates later: in callbacks, timers, and after each `await`. Returns what `work` returns.
   */
  run<T>(work: () => T): T {
    mustFit(
      'run() work',
      workShape(),
      work,
      'example: lab.client.run(() => net.connect(80, lab.server.address))',
    );
    if (!isEnterable(this.host)) {
      throw new TcplabError('USAGE', `run() is not supported on the ${this.name}, which is a remote host`, {
        hint: 'start a program there: lab.client.start(command)',
      });
    }
    this.#own ??= new OwnSockets(this.host);
    return this.host.within(work);
  }

  /** The socket table, now. */
  async sockets(): Promise<SocketRow[]> {
    return (await this.lab.observe())[this.name];
  }

  /** The value of a sysctl below `net`; undefined if the kernel has none of that name. */
  readSysctl(name: string): Promise<string | undefined> {
    return this.host.readSysctl(name);
  }

  /** Sets a sysctl of this host's own network, such as `net.ipv4.tcp_syn_retries`. Throws SystemError, EINVAL for a wrong value. */
  writeSysctl(name: string, value: string | number): Promise<void> {
    return this.host.writeSysctl(name, value);
  }

  /** @internal */
  end(): void {
    this.#own?.close();
  }
}
