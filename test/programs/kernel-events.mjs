// Kernel events of a process in namespaces of its own: `kernel-events.mjs bpf|tracefs`. Each line on its input is a command.
import { createInterface } from 'node:readline';
import { BpfEvents } from '../../build/kernel/bpf/bpf-events.js';
import { monotonicNs } from '../../build/kernel/clock.js';
import { NetworkNamespace } from '../../build/kernel/namespace.js';
import * as socket from '../../build/kernel/socket.js';
import { TracefsEvents } from '../../build/kernel/tracefs.js';

const events = process.argv[2] === 'bpf' ? BpfEvents.open() : await TracefsEvents.open();

/** @type {Record<string, (argument: string) => unknown>} */
const commands = {
  // A call between two readings of the clock, and the event that it caused.
  listen: (port) => {
    const namespace = NetworkNamespace.create();
    events.watch(namespace.inode);
    const fd = namespace.enter(() => socket.openTcpSocket('ipv4'));
    socket.bind(fd, { address: '0.0.0.0', port: Number(port) });
    const before = monotonicNs();
    socket.listen(fd, 1);
    const after = monotonicNs();
    const event = events.read().find(({ local }) => local?.port === Number(port));
    return { before, at: event?.atNs, after };
  },
  watch: (namespace) => events.watch(Number(namespace)),
  calls: () => events.watchCalls(true),
  read: () => events.read(),
};

process.stdout.write('ready\n');
for await (const line of createInterface(process.stdin)) {
  const [command = '', argument = ''] = line.split(' ');
  const answer = commands[command]?.(argument) ?? null;
  const text = JSON.stringify(answer, (_, value) => (typeof value === 'bigint' ? String(value) : value));
  process.stdout.write(`${text}\n`);
}
await events.close();
