import { monotonicNs } from '../kernel/clock.ts';
import { AsyncDisposableStack } from '../kernel/disposable-stack.ts';
import type { Family } from '../tcp/endpoint.ts';
import { MIDDLE_WIRES } from './addresses.ts';
import { Lab, type LabOptions } from './lab.ts';
import { Leg } from './leg.ts';
import { type LaidPair, openLaidPair } from './namespace-pair.ts';
import { createWithOwnTable } from './own-table.ts';
import { LOG_GROUP } from './packet-watch.ts';
import { inBoth, together } from './pair.ts';
import { layWire } from './wire.ts';

export interface MiddleOptions extends Pick<LabOptions, 'firewall'> {
  family?: Family;
  /** The port on which the relay listens. */
  port: number;
  /** The port of the server; default: 80. */
  serverPort?: number;
  /** Of the host in the middle. */
  sysctls?: Record<string, string | number>;
}

/**
 * A client, a server, and a host between them for a relay: two labs that share that host and their clock. In `front` it is the
 * server, and in `back` the client. It forwards nothing, so that only a relay gets from one to the other.
 */
export class Middle implements AsyncDisposable {
  readonly front: Lab;
  readonly back: Lab;

  private constructor(front: Lab, back: Lab) {
    this.front = front;
    this.back = back;
  }

  static async open({
    family = 'ipv4',
    port,
    serverPort,
    sysctls = {},
    ...rest
  }: MiddleOptions): Promise<Middle> {
    await using undo = new AsyncDisposableStack();
    const create = () => {
      const namespace = createWithOwnTable();
      undo.defer(() => namespace.close());
      return namespace;
    };
    const [client, middle, server] = [create(), create(), create()];
    const again = middle.again();
    undo.defer(() => again.close());
    const lay = async (leg: 'front' | 'back', namespaces: LaidPair['namespaces']) => {
      const captures = await layWire(namespaces, MIDDLE_WIRES[leg]);
      undo.defer(() => inBoth((name) => captures[name].close()));
      return { namespaces, ends: MIDDLE_WIRES[leg], captures };
    };
    const laidFront = await lay('front', { client, server: middle });
    const laidBack = await lay('back', { client: again, server });
    const addressOf = (end: 'front' | 'back', name: 'client' | 'server') =>
      MIDDLE_WIRES[end][name].addresses[family].address;
    const legs = {
      front: { server: { leg: new Leg('server', addressOf('front', 'client')), logGroup: LOG_GROUP } },
      back: { client: { leg: new Leg('client', addressOf('back', 'server')), logGroup: LOG_GROUP + 1 } },
    };
    const startNs = monotonicNs();
    const front = await Lab.open({
      ...{ ...rest, family, startNs, serverPort: port, sysctls: { server: sysctls } },
      hosts: (request) => openLaidPair(request, { ...laidFront, legs: legs.front }),
    });
    undo.defer(() => front[Symbol.asyncDispose]());
    const back = await Lab.open({
      ...{ ...rest, family, startNs, serverPort },
      hosts: (request) => openLaidPair(request, { ...laidBack, legs: legs.back }),
    });
    undo.move();
    return new Middle(front, back);
  }

  /** The front first: the relay runs there, and what it has open at the back ends with it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await together([this.front[Symbol.asyncDispose](), this.back[Symbol.asyncDispose]()]);
  }
}
