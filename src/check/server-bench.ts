import { endOf } from '../evidence/connection.ts';
import { listenerOf } from '../evidence/witness/socket-table.ts';
import type { Program } from '../lab/program.ts';
import { stageOf } from '../scenario/reach.ts';
import { startListening } from '../scenario/started-program.ts';
import type { SocketRow } from '../tcp/socket-row.ts';
import { Bench, type CheckOptions, seconds } from './bench.ts';
import { Visitor } from './visitor.ts';

/** The witnesses match a lab's events by its first ports. The ports of many clients are above them. */
const CROWD_FIRST_PORT = 50_000;

/** A lab whose server is the program. */
export class ServerBench extends Bench {
  #program: Program | undefined;
  #visitors = 0;

  static async open(options: CheckOptions): Promise<ServerBench> {
    return new ServerBench(await Bench.openLab(options), options);
  }

  get program(): Program {
    if (!this.#program) throw new Error('the program was not started');
    return this.#program;
  }

  /** Whether tcplab sends a request, so that there is a response to test. */
  get talks(): boolean {
    return this.options.talk.request.length > 0;
  }

  /** Starts it, for the first time or again. Throws TIMEOUT if it does not listen in time. */
  async start(): Promise<void> {
    const { lab, options, startWithinMs } = this;
    const { waitFor } = stageOf(lab, { withinMs: startWithinMs });
    this.#program = await startListening(lab, lab.server, options.command, waitFor);
    this.wasThere = true;
  }

  /** Connects. Returns undefined if the connection is not established in time. `receiveBuffer`: SO_RCVBUF, in bytes. */
  async visit({ receiveBuffer }: { receiveBuffer?: number } = {}): Promise<Visitor | undefined> {
    const visitor = await this.knock(receiveBuffer);
    const stands = await this.until(
      async () => (await this.row(visitor.connection, 'client'))?.state === 'ESTABLISHED',
    );
    return stands && visitor;
  }

  /** Starts to connect and does not wait. */
  async knock(receiveBuffer?: number): Promise<Visitor> {
    const { lab } = this;
    const own = this.#visitors < 10;
    const client = own
      ? lab.nextClientEndpoint()
      : { address: lab.client.address, port: CROWD_FIRST_PORT + this.#visitors };
    this.#visitors++;
    const connection = { client, server: lab.serverEndpoint() };
    const socket = await lab.client.openSocket();
    if (receiveBuffer) await lab.client.setOption(socket, 'SO_RCVBUF', receiveBuffer);
    await lab.client.bind(socket, client);
    await lab.client.connect(socket, connection.server);
    return new Visitor(this, connection, socket);
  }

  /** Waits until a process of the program has the connection open. */
  async isAccepted({ connection }: Visitor): Promise<boolean> {
    const accepted = await this.until(async () => {
      const row = await this.row(connection, 'server');
      return row === undefined || row.inode !== 0;
    });
    return accepted !== undefined;
  }

  serverRow({ connection }: Visitor): Promise<SocketRow | undefined> {
    return this.row(connection, 'server');
  }

  async listener(): Promise<SocketRow | undefined> {
    const rows = await this.lab.server.observe();
    const { client, server } = { client: { address: '', port: 0 }, server: this.lab.serverEndpoint() };
    return listenerOf(rows, endOf({ client, server }, 'server', 'LISTEN'));
  }

  /** How many sockets of the program's port are in a state. */
  async countInState(state: SocketRow['state']): Promise<number> {
    const rows = await this.lab.server.observe();
    return rows.filter((row) => row.local.port === this.lab.serverPort && row.state === state).length;
  }

  /** Tests a new client: null if it is served, or what is wrong as a clause. */
  async whatIsWrong(): Promise<string | null> {
    const { status } = this.program;
    if (status !== undefined) return `the program exited with status ${status}`;
    const visitor = await this.visit();
    if (!visitor) return `a new connection was not established within ${seconds(this.withinMs)}`;
    if (!(await this.isAccepted(visitor)))
      return `a new connection was not accepted within ${seconds(this.withinMs)}`;
    const tookMs = await visitor.exchange();
    const { ended } = visitor;
    await visitor.close();
    if (tookMs !== undefined) return null;
    return ended === 'open'
      ? `a new client got no complete response within ${seconds(this.withinMs)}`
      : `a new client got ${ended} before a complete response`;
  }

  /** A counter of the server's kernel (nstat(8)), since the lab was opened. */
  async counted(name: string): Promise<number> {
    await this.lab.server.count();
    return this.lab.timeline.of('counted').findLast(({ host }) => host === 'server')?.counters[name] ?? 0;
  }
}
