import { setTimeout as pause } from 'node:timers/promises';
import fc from 'fast-check';
import { SystemError } from '../../src/error.ts';
import type { Connection } from '../../src/evidence/connection.ts';
import { type HostName, otherHost } from '../../src/evidence/events.ts';
import type { SocketNumber } from '../../src/lab/host.ts';
import type { Lab } from '../../src/lab/lab.ts';
import { FATES, type Fate } from '../../src/lab/rule.ts';
import { sequenceNumber } from '../../src/tcp/sequence.ts';

/** One step of a walk. A deed that has nothing to act on does nothing. */
export type Deed =
  | { do: 'listen' | 'connect' | 'accept' | 'receive' | 'destroy' | 'lift'; at: HostName }
  | { do: 'shutdown' | 'close' | 'abort'; at: HostName; which: number }
  | { do: 'send'; at: HostName; which: number; octets: number }
  | { do: 'craft'; at: HostName; flags: string; seq: number; ack: number; octets: number }
  | { do: 'rule'; at: HostName; hook: 'in' | 'out'; flags: string; fate: Fate }
  | { do: 'rest'; ms: number };

const at = fc.constantFrom<HostName>('client', 'server');
const which = fc.nat(2);
const verb = <D extends string>(...names: D[]) => fc.record({ do: fc.constantFrom(...names), at });

/** `seq` and `ack` count from what the other end expects: at it, just before, in its window, far away. */
const craft = fc.record({
  do: fc.constant('craft' as const),
  at,
  flags: fc.constantFrom('S', 'S.', '.', 'P.', 'F.', 'FP.', 'F', 'R', 'R.', 'SF', 'P', ''),
  seq: fc.constantFrom(0, 0, 0, -1, 100, 1_000_000),
  ack: fc.constantFrom(0, 0, 0, -1, 1000, -1_000_000),
  octets: fc.constantFrom(0, 0, 1, 10),
});

const DEED: fc.Arbitrary<Deed> = fc.oneof(
  { weight: 3, arbitrary: verb('listen') },
  { weight: 5, arbitrary: verb('connect') },
  { weight: 3, arbitrary: verb('accept') },
  { weight: 2, arbitrary: verb('receive') },
  { weight: 1, arbitrary: verb('destroy') },
  { weight: 2, arbitrary: verb('lift') },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constantFrom('shutdown' as const, 'close', 'abort'), at, which }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('send' as const),
      at,
      which,
      octets: fc.constantFrom(1, 100, 3000, 300_000),
    }),
  },
  { weight: 4, arbitrary: craft },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('rule' as const),
      at,
      hook: fc.constantFrom('in' as const, 'out'),
      flags: fc.constantFrom('', 'S', 'S.', 'F', 'R', 'P'),
      fate: fc.constantFrom(...FATES, 'drop' as const, 'drop' as const),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('rest' as const), ms: fc.constantFrom(1, 45, 230) }) },
);

export interface Walk {
  family: 'ipv4' | 'ipv6';
  firewall: 'nft' | 'iptables';
  deeds: Deed[];
}

/** How many steps a walk has on average, from one to twice as many: short ones are what a failure is shortened to. */
export const STEPS_A_WALK = 30;

export const WALK: fc.Arbitrary<Walk> = fc.record({
  family: fc.constantFrom('ipv4' as const, 'ipv6'),
  firewall: fc.constantFrom('nft' as const, 'iptables'),
  deeds: fc.noBias(fc.array(DEED, { minLength: 1, maxLength: 2 * STEPS_A_WALK - 1, size: 'max' })),
});

/** Both ends of one connection, with all the sockets that ever had its ports. */
export class Walker {
  readonly #lab: Lab;
  readonly #connection: Connection;
  readonly #sockets: Record<HostName, SocketNumber[]> = { client: [], server: [] };
  readonly #rules: Record<HostName, number[]> = { client: [], server: [] };

  constructor(lab: Lab, connection: Connection) {
    this.#lab = lab;
    this.#connection = connection;
  }

  /** What the kernel refuses is a step as well. */
  async take(deed: Deed): Promise<void> {
    try {
      await this.#carryOut(deed);
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
    }
  }

  async #carryOut(deed: Deed): Promise<void> {
    if (deed.do === 'rest') return pause(deed.ms);
    const { at: name } = deed;
    const [host, sockets] = [this.#lab.host(name), this.#sockets[name]];
    switch (deed.do) {
      case 'listen':
        return host.listen(await this.#bound(name), 2);
      case 'connect':
        await host.connect(await this.#bound(name), this.#connection[otherHost(name)]);
        return;
      case 'accept':
        for (const socket of [...sockets]) {
          const accepted = await host.accept(socket).catch(ofKernel);
          if (accepted !== undefined) sockets.push(accepted);
        }
        return;
      case 'receive':
        for (const socket of sockets)
          while ((await host.receive(socket).catch(ofKernel))?.length) {
            // Until nothing is left.
          }
        return;
      case 'destroy':
        return host.destroySocket(this.#connection[name], this.#connection[otherHost(name)]);
      case 'lift':
        for (const rule of this.#rules[name].splice(0)) await host.liftRule(rule);
        return;
      case 'rule': {
        const { hook, flags, fate } = deed;
        this.#rules[name].push(await host.setRule({ hook, fate, ...(flags ? { flags } : {}) }));
        return;
      }
      case 'craft':
        return this.#craft(deed);
      default: {
        const socket = sockets[deed.which % Math.max(1, sockets.length)];
        if (socket === undefined) return;
        if (deed.do === 'send') await host.send(socket, Buffer.alloc(deed.octets, 'x'));
        else if (deed.do === 'shutdown') await host.shutdown(socket);
        else {
          sockets.splice(sockets.indexOf(socket), 1);
          await host[deed.do](socket);
        }
      }
    }
  }

  /** A new socket at the end's own address and port. */
  async #bound(name: HostName): Promise<SocketNumber> {
    const host = this.#lab.host(name);
    const socket = await host.openSocket();
    this.#sockets[name].push(socket);
    await host.setOption(socket, 'SO_REUSEADDR', 1);
    await host.bind(socket, this.#connection[name]);
    return socket;
  }

  /** In the name of the end at `at`, with the numbers that the other end showed last. */
  async #craft({ at: name, flags, seq, ack, octets }: Extract<Deed, { do: 'craft' }>): Promise<void> {
    const other = otherHost(name);
    const shown = this.#lab.timeline
      .of('captured')
      .findLast(({ host, direction, wire }) => host === other && direction === 'sent' && wire.kind === 'tcp');
    const segment = shown?.wire.kind === 'tcp' ? shown.wire.segment : undefined;
    const controls = segment ? [...segment.flags].filter((flag) => 'SF'.includes(flag)).length : 0;
    await this.#lab.host(name).sendSegment({
      source: this.#connection[name],
      destination: this.#connection[other],
      flags,
      seq: sequenceNumber((segment?.ack ?? 1000) + seq),
      ack: flags.includes('.')
        ? sequenceNumber((segment?.seq ?? 0) + (segment?.length ?? 0) + controls + ack)
        : null,
      window: 65_535,
      payload: Buffer.alloc(octets, 'y'),
    });
  }
}

function ofKernel(error: unknown): undefined {
  if (!(error instanceof SystemError)) throw error;
}
