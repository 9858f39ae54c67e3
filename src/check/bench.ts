import { TcplabError } from '../error.ts';
import { type Connection, endOf } from '../evidence/connection.ts';
import type { HostName } from '../evidence/events.ts';
import { rowOf } from '../evidence/witness/socket-table.ts';
import type { FirewallKind } from '../lab/firewall.ts';
import { Lab, type LabOptions } from '../lab/lab.ts';
import { readTcpSysctls } from '../lab/tcp-sysctls.ts';
import { stageOf } from '../scenario/reach.ts';
import type { Stage } from '../scenario/scenario.ts';
import type { Family } from '../tcp/endpoint.ts';
import { type Forecast, forecast } from '../tcp/forecast.ts';
import type { SocketRow } from '../tcp/socket-row.ts';
import type { Talk } from './talk.ts';

export interface CheckOptions {
  /** The program, as a shell is told. */
  command: string;
  /** The port that the server listens on. */
  port: number;
  family: Family;
  firewall?: FirewallKind;
  talk: Talk;
  /** Where the hosts are. */
  lab?: Pick<LabOptions, 'hosts'>;
  /** How long a program may take for anything that it ought to do soon. */
  withinMs: number;
}

const LEAST_START_MS = 5000;

/** A lab in which a program is looked at: what both kinds of probes share. */
export class Bench implements AsyncDisposable {
  readonly lab: Lab;
  readonly stage: Stage;
  readonly options: CheckOptions;
  /** Whether the program has come to do what its kind does first: to listen, or to connect. */
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

  /** How long the program may take to be there at all: with how soon it answers that has nothing to do. */
  get startWithinMs(): number {
    return Math.max(this.withinMs, LEAST_START_MS);
  }

  /** What `attempt` gives when it gives something in time, and how long that took; else undefined. */
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

  /** What the kernel will do by itself about an end, and when. */
  async forecast(row: SocketRow, host: HostName): Promise<Forecast> {
    return forecast(row, await readTcpSysctls(this.lab.host(host)));
  }

  /** Nothing passes between the hosts any more, in either direction: as when a cable is pulled. */
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

/** `15 min`, for what lasts long. */
export function roughly(ms: number): string {
  if (ms < 120_000) return seconds(ms);
  return ms < 7_200_000 ? `${Math.round(ms / 60_000)} min` : `${(ms / 3_600_000).toFixed(1)} h`;
}

/** What the kernel will do by itself, if nothing more is heard of the peer. */
export function describeEnd({ expiresMs }: SocketRow, { timer, givesUpMs, because }: Forecast): string {
  if (timer === null) return 'no timer runs: without a deadline of its own it waits for ever';
  if (timer === 'keepalive probe') {
    const rest = 'and ends it when TCP_KEEPCNT probes, TCP_KEEPINTVL apart, are not answered';
    return `keepalive asks in ${roughly(expiresMs ?? 0)}, ${rest} (by the sysctls in about ${roughly(givesUpMs ?? 0)})`;
  }
  if (givesUpMs === null) return 'its kernel asks again without end';
  return `its kernel gives up in about ${roughly(givesUpMs)} (${because})`;
}
