import { TcplabError } from '../error.ts';
import { type HostAbout, type HostName, otherHost } from '../evidence/events.ts';
import { AsyncDisposableStack } from '../kernel/disposable-stack.ts';
import type { Tables } from '../lab/lab.ts';
import { type HostPair, inBoth, type OpenPair, type PairRequest } from '../lab/pair.ts';
import type { Family } from '../tcp/endpoint.ts';
import { Alignment } from './alignment.ts';
import { Channel } from './channel.ts';
import { HostClock } from './host-clock.ts';
import { parsePlace } from './place.ts';
import { RemoteHost } from './remote-host.ts';
import { findRoute, type Route } from './route.ts';

interface RemoteOptions {
  /** The protocol between them; default: IPv4. */
  family?: Family;
  /** Whether scenarios may change sysctls of the machines; they are restored afterwards. */
  allowSysctl: boolean;
}

/** As many as a lab of namespaces has. */
const CLIENT_PORTS = 12;

/** Two machines that others use as well, each with an agent on it, for as many labs as one likes. */
export class RemotePair implements AsyncDisposable {
  readonly #channels: Record<HostName, Channel>;
  readonly #options: RemoteOptions;
  readonly #routes = new Map<Family, Promise<Route>>();

  private constructor(channels: Record<HostName, Channel>, options: RemoteOptions) {
    this.#channels = channels;
    this.#options = options;
  }

  /** `places`: where the hosts are, as `parsePlace` returns them. Throws a TcplabError with the obstacle. */
  static async open(places: Record<HostName, string>, options: RemoteOptions): Promise<RemotePair> {
    const parsed = { client: parsePlace(places.client), server: parsePlace(places.server) };
    const opening = { client: Channel.open(parsed.client), server: Channel.open(parsed.server) };
    const settled = await Promise.allSettled([opening.client, opening.server]);
    const opened = settled.flatMap((each) => (each.status === 'fulfilled' ? each.value : []));
    const [client, server] = opened;
    const failed = settled.find((each) => each.status === 'rejected');
    if (!client || !server || client.greeting.network === server.greeting.network) {
      await Promise.all(opened.map((channel) => channel[Symbol.asyncDispose]()));
      throw (
        failed?.reason ??
        new TcplabError('USAGE', `${places.client} and ${places.server} are the same host`, {
          hint: 'a lab needs two hosts; omit --client and --server to use two namespaces on this machine',
        })
      );
    }
    const pair = new RemotePair({ client, server }, options);
    try {
      await pair.#routeFor(options.family ?? 'ipv4');
      return pair;
    } catch (error) {
      await pair[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Whether both agents may do everything. */
  get areRoot(): boolean {
    return Object.values(this.#channels).every(({ greeting }) => greeting.privilege === 'root');
  }

  /** For `Lab.open`. */
  readonly openPair: OpenPair = async (request) => {
    const route = await this.#routeFor(request.family);
    const { client, server } = this.#channels;
    const [serverPort, first] = await Promise.all([
      request.serverPort ?? server.call('freePort', route.server.address),
      request.clientPort ?? client.call('freePorts', request.family, route.client.address, CLIENT_PORTS),
    ]);
    return this.#open(request, route, serverPort, first);
  };

  /** Found once for all labs. */
  #routeFor(family: Family): Promise<Route> {
    const known = this.#routes.get(family) ?? findRoute(this.#channels, family);
    this.#routes.set(family, known);
    return known;
  }

  async #open(
    { family, firewall, startNs, emit }: PairRequest,
    route: Route,
    serverPort: number,
    firstClientPort: number,
  ): Promise<HostPair> {
    const channels = this.#channels;
    const startMs = Number(startNs) / 1e6;
    const clocks = {
      client: new HostClock(-channels.client.clock.offsetMs - startMs),
      server: new HostClock(-channels.server.clock.offsetMs - startMs),
    };
    const alignment = new Alignment(clocks, emit);
    const clientPorts = { first: firstClientPort, last: firstClientPort + CLIENT_PORTS - 1 };
    let [lastRule, lastProgram] = [0, 0];
    await using undo = new AsyncDisposableStack();
    const following: (() => void)[] = [];
    const open = async (name: HostName) => {
      const channel = channels[name];
      const { host: number, abilities } = await channel.call('open', {
        ...{ name, family, firewall, serverPort, clientPorts },
        ...route[name],
        peer: route[otherHost(name)].address,
        allowSysctl: this.#options.allowSysctl,
      });
      const host = new RemoteHost({
        ...{ name, channel, number, abilities, settle },
        address: route[name].address,
        nextRule: () => ++lastRule,
        nextProgram: () => ++lastProgram,
      });
      undo.defer(() => host.dispose());
      const unfollow = channel.follow(number, ({ event }) => {
        alignment.take(name, event);
        host.see(event);
      });
      undo.defer(unfollow);
      following.push(unfollow);
      const about: HostAbout = {
        place: channel.place.name,
        kernel: channel.greeting.machine.kernel,
        arch: channel.greeting.machine.arch,
        ...abilities,
        clock: { aheadMs: channel.clock.aheadMs, errorMs: channel.clock.errorMs },
      };
      return { host, about };
    };
    /** Reads the sender after the receiver, so that each segment that arrived is also known as sent. */
    const settle = async () => {
      const toAsk = alignment.release();
      if (toAsk.length === 0) return;
      const waiting = alignment.waiting();
      await Promise.all(toAsk.map((name) => opened[name].host.look()));
      alignment.release(waiting);
    };
    const first = await open('client');
    const second = await open('server');
    undo.move();
    const opened = { client: first, server: second };
    const { client, server } = opened;
    return {
      client: client.host,
      server: server.host,
      about: {
        addresses: { client: client.host.address, server: server.host.address },
        noKernelEvents: [client, server].some(({ about }) => about.noKernelEvents === null)
          ? null
          : client.about.noKernelEvents,
        hosts: { client: client.about, server: server.about },
      },
      clientPorts,
      serverPort,
      latestMs: () => alignment.latestMs,
      observe: async (): Promise<Tables> => {
        const [clientRows, serverRows] = await Promise.all([client.host.look(), server.host.look()]);
        await settle();
        return { client: clientRows, server: serverRows };
      },
      dispose: async () => {
        for (const unfollow of following) unfollow();
        await inBoth((name) => opened[name].host.dispose());
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await inBoth((name) => this.#channels[name][Symbol.asyncDispose]());
  }
}
