import type { TimelineEvent } from '../evidence/events.ts';
import { AsyncDisposableStack } from '../kernel/disposable-stack.ts';
import { boxWires } from './addresses.ts';
import { Box } from './box.ts';
import type { BoxPlan } from './box-plan.ts';
import { openLaidPair } from './namespace-pair.ts';
import { createWithOwnTable } from './own-table.ts';
import { inBoth, type OpenPair, together } from './pair.ts';
import { layWire } from './wire.ts';

/** Gives a lab two namespaces and, between them, a third that forwards. */
export function openBoxPair(plan: BoxPlan): OpenPair {
  return async (request) => {
    await using undo = new AsyncDisposableStack();
    const create = () => {
      const namespace = createWithOwnTable();
      undo.defer(() => namespace.close());
      return namespace;
    };
    const [client, middle, server] = [create(), create(), create()];
    const wires = boxWires(plan.mtu);
    const front = await layWire({ client, server: middle }, wires.front);
    undo.defer(() => inBoth((name) => front[name].close()));
    const back = await layWire({ client: middle, server }, wires.back);
    undo.defer(() => inBoth((name) => back[name].close()));
    // What passes the box is captured where it leaves a host and where it arrives.
    await together([front.server.close(), back.client.close()]);
    const box = new Box({
      ...{ plan, namespace: middle, family: request.family, startNs: request.startNs, emit: request.emit },
      address: wires.front.server.addresses[request.family].address,
    });
    undo.defer(() => box.close());
    const emit = (event: TimelineEvent) => {
      request.emit(event);
      if (event.type === 'captured') box.meet(event);
    };
    const pair = await openLaidPair(
      { ...request, emit },
      {
        namespaces: { client, server },
        // Each finds the other at the link address of the box.
        ends: {
          client: { ...wires.front.client, linkAddress: wires.back.client.linkAddress },
          server: { ...wires.back.server, linkAddress: wires.front.server.linkAddress },
        },
        captures: { client: front.client, server: back.server },
      },
    );
    undo.move();
    const dispose = async () => {
      try {
        await pair.dispose();
      } finally {
        box.close();
      }
    };
    return { ...pair, box, dispose };
  };
}
