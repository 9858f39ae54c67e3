import { TcplabError } from '../error.ts';
import { type Connection, endOf } from '../evidence/connection.ts';
import type { HostName } from '../evidence/events.ts';
import { outlookOf } from '../evidence/outlook.ts';
import { rowOf } from '../evidence/witness/socket-table.ts';
import type { FirewallKind } from '../lab/firewall.ts';
import { Lab, type LabOptions } from '../lab/lab.ts';
import type { Settings } from '../lab/settings.ts';
import { readTcpSysctls } from '../lab/tcp-sysctls.ts';
import { stageOf } from '../scenario/reach.ts';
import type { Stage } from '../scenario/stage.ts';
import type { Family } from '../tcp/endpoint.ts';
import type { Forecast } from '../tcp/forecast.ts';
import type { SocketRow } from '../tcp/socket-row.ts';
import type { Peculiarities } from '../tcp/timers.ts';
import type { Talk } from './talk.ts';

export interface CheckOptions {
  /** The program, as a command for the shell. */
  command: string;
  /** The port that the server listens on. */
  port: number;
  family: Family;
  firewall?: FirewallKind;
  talk: Talk;
  /** Where the hosts are, and what is set there. */
  lab?: Pick<LabOptions, 'hosts' | keyof Settings>;
  /** How long a program may take for anything that it should do soon. */
  withinMs: number;
}

const LEAST_START_MS = 5000;

/** A lab in which a program is tested: the part that server and client tests share. */
export class Bench implements AsyncDisposable {
  readonly lab: Lab;
  readonly stage: Stage;
  readonly options: CheckOptions;
  /** Whether the program has listened, or has tried to connect. */
  wasThere = false;

  protected constructor(lab: Lab, options: CheckOptions) {
    this.lab = lab;
    this.stage = stageOf(lab, { withinMs: options.withinMs });
    this.options = options;
  }

  protected static openLab({ family, firewall = 'nft', port, lab = {} }: CheckOptions): Promise<Lab> {
    return Lab.open({ ...lab, family, firewall, serverPort: port });
  }

  get withinMs(): number {
    return this.options.withinMs;
  }

  /** How long the program may take to start, which is independent of how soon it must respond. */
  get startWithinMs(): number {
    return Math.max(this.withinMs, LEAST_START_MS);
  }

  /** The first truthy result of `attempt` and how long it took; undefined if there was none in time. */
  async until<T>(
    attempt: () => T | Promise<T>,
    withinMs: number = this.withinMs,
  ): Promise<{ value: NonNullable<T>; tookMs: number } | undefined> {
    const startMs = this.lab.nowMs();
    try {
      const value = await this.lab.waitFor('it', attempt, withinMs);
      return { value, tookMs: this.lab.nowMs() - startMs };
    } catch (error) {
      if (error instanceof TcplabError && error.code === 'TIMEOUT') return undefined;
      throw error;
    }
  }

  /** The row of one end of a connection, as it is now. */
  async row(connection: Connection, host: HostName): Promise<SocketRow | undefined> {
    const rows = await this.lab.host(host).observe();
    return rowOf(rows, endOf(connection, host, 'CLOSED'));
  }

  /** What the kernel will do about an end without the program, and when. */
  async forecast(row: SocketRow, host: HostName, known: Peculiarities = {}): Promise<Forecast> {
    const sysctls = { [host]: await readTcpSysctls(this.lab.host(host)) };
    const { timeline } = this.lab;
    return outlookOf(host, row, { timeline, sysctls, tables: {}, nowMs: this.lab.nowMs() }, known);
  }

  /** Drops everything between the hosts, in both directions, as a pulled cable does. */
  async cut(): Promise<void> {
    await this.lab.server.setRule({ hook: 'in', destinationPort: this.lab.serverPort, fate: 'drop' });
    await this.lab.server.setRule({ hook: 'out', sourcePort: this.lab.serverPort, fate: 'drop' });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lab[Symbol.asyncDispose]();
  }
}

/** `340 ms`, `1.2 s`. */
export function seconds(ms: number): string {
  return ms < 1000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** `15 min`, for long times. */
export function roughly(ms: number): string {
  if (ms < 120_000) return seconds(ms);
  return ms < 7_200_000 ? `${Math.round(ms / 60_000)} min` : `${(ms / 3_600_000).toFixed(1)} h`;
}

/** What the kernel will do without the program, if nothing more arrives from the peer. */
export function describeEnd({ expiresMs }: SocketRow, { timer, givesUpMs, because }: Forecast): string {
  if (timer === null) return 'no kernel timer is running: without a timeout in the program it waits forever';
  if (timer === 'keepalive probe') {
    const end = 'the kernel closes the connection after TCP_KEEPCNT unanswered probes';
    return `next keepalive probe in ${roughly(expiresMs ?? 0)}; ${end} (about ${roughly(givesUpMs ?? 0)} with the sysctl defaults)`;
  }
  if (givesUpMs === null) return 'the kernel keeps sending probes, with no limit';
  return `the kernel gives up in about ${roughly(givesUpMs)} (${because})`;
}
