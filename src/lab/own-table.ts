import { SystemError } from '../error.ts';
import { DisposableStack } from '../kernel/disposable-stack.ts';
import { NetworkNamespace } from '../kernel/namespace.ts';
import { readSysctl, writeSysctl } from '../kernel/sysctl.ts';

/** Of TCP connections, in each host: tens of thousands of them still find their places, and each look walks through all. */
const BUCKETS = 4096;
/** Of more, so many share a bucket. */
const CONNECTIONS_A_BUCKET = 4;
/** Those that the kernel derives from the size of the table. */
const DERIVED = ['net.ipv4.tcp_max_tw_buckets', 'net.ipv4.tcp_max_syn_backlog'];

/**
 * A namespace with a TCP table of its own (ip-sysctl: tcp_child_ehash_entries, Linux 6.1). Else all share the machine's,
 * which has hundreds of thousands of buckets: to look at three sockets the kernel then walks through them all, and once
 * more for each namespace that ends.
 */
export function createWithOwnTable(connections = 0): NetworkNamespace {
  const buckets = Math.max(BUCKETS, 2 ** Math.ceil(Math.log2(1 + connections / CONNECTIONS_A_BUCKET)));
  const parent = parents.get(buckets) ?? createParent(buckets);
  parents.set(buckets, parent);
  using undo = new DisposableStack();
  const namespace = NetworkNamespace.create(parent);
  undo.defer(() => namespace.close());
  const asAtHome = DERIVED.map((name) => [name, readSysctl(name)] as const);
  namespace.enter(() => {
    for (const [name, value] of asAtHome) if (value !== undefined) writeIfAllowed(name, value);
  });
  undo.move();
  return namespace;
}

/** By the size of the table. */
const parents = new Map<number, NetworkNamespace>();
const CHILD_BUCKETS = 'net.ipv4.tcp_child_ehash_entries';

/** A namespace that only passes its setting on. */
function createParent(buckets: number): NetworkNamespace {
  using undo = new DisposableStack();
  const namespace = NetworkNamespace.create();
  undo.defer(() => namespace.close());
  namespace.enter(() => {
    if (readSysctl(CHILD_BUCKETS) !== undefined) writeIfAllowed(CHILD_BUCKETS, buckets);
  });
  undo.move();
  return namespace;
}

/** It is only faster with it. */
function writeIfAllowed(name: string, value: string | number): void {
  try {
    writeSysctl(name, value);
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
  }
}
