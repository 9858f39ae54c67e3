import { createHook, executionAsyncResource } from 'node:async_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import type { NetworkNamespace } from './namespace.ts';

/**
 * A socket is in the namespace in which its thread was when it was made, and Node makes most of them later than they are
 * asked for: `net.connect` with an address on the next tick, `fetch` some promises further on. So what a piece of work
 * puts off is followed (async_hooks): each stretch of it runs in the namespace too, and everything else at home.
 */
export function followInto<T>(namespace: NetworkNamespace, work: () => T): T {
  open.add(namespace);
  hook.enable();
  const before = followed;
  const leave = namespace.goIn();
  followed = namespace;
  try {
    return work();
  } finally {
    followed = before;
    leave();
  }
}

/** Whether what runs now was begun in the namespace. */
export function isFollowedInto(namespace: NetworkNamespace): boolean {
  return followed === namespace;
}

/** For a namespace that ends. The last one disables the hook, which costs time on every callback of the process. */
export function stopFollowingInto(namespace: NetworkNamespace): void {
  open.delete(namespace);
  if (open.size === 0 && running.length === 0) hook.disable();
}

/**
 * Waits until the test's own sockets and programs whose end the kernel has reported have emitted `close`: Node reads the
 * report in one round of the event loop, and emits `close` at the end of that round. Before that, the connection pool of
 * `fetch` would reuse a connection of a closed lab, or open one in the machine's own network.
 */
export async function untilCloseEmitted(): Promise<void> {
  await turn();
  await turn();
}

/** The namespace of the work that runs now. */
let followed: NetworkNamespace | undefined;
const open = new Set<NetworkNamespace>();
const namespaces = new WeakMap<object, NetworkNamespace>();
/** The callbacks that run now, the innermost last. */
const running: { id: number; leave: () => void }[] = [];

const hook = createHook({
  init(_id, _type, _trigger, resource: object) {
    if (followed) namespaces.set(resource, followed);
  },
  before(id) {
    const namespace = namespaces.get(executionAsyncResource());
    // The lab is over: whatever still comes has nowhere to go.
    if (!namespace?.isOpen) return;
    const before = followed;
    const goBack = namespace.goIn();
    followed = namespace;
    running.push({
      id,
      leave: () => {
        followed = before;
        goBack();
      },
    });
  },
  after(id) {
    if (running.at(-1)?.id === id) running.pop()?.leave();
  },
});
