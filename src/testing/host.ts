import { TcplabError } from '../error.ts';
import type { HostName } from '../evidence/events.ts';
import { type Host, isEnterable } from '../lab/host.ts';
import type { Lab } from '../lab/lab.ts';
import type { Program } from '../lab/program.ts';
import type { SocketRow } from '../tcp/socket-row.ts';
import type { Connections } from './connections.ts';
import { OwnSockets } from './own-sockets.ts';
import { type ProgramOptions, startProgram } from './program.ts';
import { fateOf, type Rejected, type Segments, setRule, type TestRule } from './rule.ts';

/** What both hosts of a lab have: rules, programs, and the test’s own sockets. */
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

  /** Has this host’s packet filter drop segments, silently. */
  drop(segments: Segments = {}): Promise<TestRule> {
    return setRule(this.lab, this.host, segments, 'drop');
  }

  /** Has it drop them and tell the sender. */
  reject(segments: Rejected = {}): Promise<TestRule> {
    return setRule(this.lab, this.host, segments, fateOf(segments));
  }

  /**
   * Starts a program in this host; a text is for the shell. With a `port` it is waited for until that is listened on. It
   * ends with the lab, and all that it started.
   */
  start(command: string | readonly string[], options: ProgramOptions = {}): Promise<Program> {
    return startProgram(this.lab, this.host, command, options);
  }

  /**
   * Runs `work` of the test process itself inside this host: the sockets that it makes are this host’s, and so are those
   * that it makes later, in callbacks, timers, and after each `await`. Gives what `work` gives.
   */
  run<T>(work: () => T): T {
    if (!isEnterable(this.host)) {
      throw new TcplabError('USAGE', `the ${this.name} is not on this machine: start a program in it`);
    }
    this.#own ??= new OwnSockets(this.host);
    return this.host.within(work);
  }

  /** The socket table, now. */
  async sockets(): Promise<SocketRow[]> {
    return (await this.lab.observe())[this.name];
  }

  readSysctl(name: string): Promise<string | undefined> {
    return this.host.readSysctl(name);
  }

  /** Of this host’s own network: `net.ipv4.tcp_syn_retries`, say. */
  writeSysctl(name: string, value: string | number): Promise<void> {
    return this.host.writeSysctl(name, value);
  }

  /** @internal */
  end(): void {
    this.#own?.close();
  }
}
