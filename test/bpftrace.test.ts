import { spawnSync } from 'node:child_process';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Host } from '../src/lab/host.ts';
import { stateOfLinux } from '../src/tcp/state.ts';
import { eventually, needRoot, Program } from './cli.ts';

/** Prints each state change of TCP on the machine: when, in which namespace, the states by Linux's numbers, and the ports. */
const PRINT_CHANGES = `
tracepoint:sock:inet_sock_set_state /args->protocol == 6/ {
  $net = ((struct sock *)args->skaddr)->__sk_common.skc_net.net;
  printf("%llu %u %d %d %d %d\\n",
    nsecs, $net->ns.inum, args->oldstate, args->newstate, args->sport, args->dport);
}`;

/** bpftrace looks for tracefs at its usual place, where not every machine has it. */
const WITH_TRACEFS = 'mount -t tracefs tracefs /sys/kernel/tracing && exec "$@"';
const BPFTRACE = ['bpftrace', '-B', 'line', '-e', PRINT_CHANGES];

interface Change {
  from: string;
  to: string;
  local: number;
  remote: number;
}

afterEach(() => void vi.unstubAllEnvs());

describe('beside bpftrace', () => {
  it.for([
    ['bpf', 'ipv4'],
    ['bpf', 'ipv6'],
    ['tracefs', 'ipv4'],
    ['tracefs', 'ipv6'],
  ] as const)(
    'the kernel events of a lab are the same state changes: by %s, %s',
    async ([way, family], context) => {
      needRoot(context, 'kernel events');
      if (spawnSync('bpftrace', ['--version']).error) context.skip('bpftrace is not on this machine');
      const bpftrace = new Program(['unshare', '--mount', 'sh', '-c', WITH_TRACEFS, 'sh', ...BPFTRACE]);
      await bpftrace.until(/Attaching/);
      // A process has one source of kernel events for all its labs, so this is as if it were another process.
      vi.stubEnv('TCPLAB_KERNEL_EVENTS', way);
      vi.resetModules();
      const { Lab } = await import('../src/lab/lab.ts');
      await using lab = await Lab.open({ family });
      expect(lab.timeline.of('lab-opened')[0]?.kernelEvents?.by).toBe(way);
      const namespaces = { client: await namespaceOf(lab.client), server: await namespaceOf(lab.server) };
      const server = lab.serverEndpoint();
      const printed = (host: 'client' | 'server') =>
        changesIn(bpftrace.stdout, namespaces[host]).filter(
          ({ local }) => host === 'client' || local === server.port,
        );
      await eventually('a line of bpftrace', async () => {
        const socket = await lab.server.openSocket();
        await lab.server.listen(socket, 1);
        await lab.server.close(socket);
        return bpftrace.stdout.includes(` ${namespaces.server} `);
      });

      const listener = await lab.server.openSocket();
      await lab.server.bind(listener, server);
      await lab.server.listen(listener, 5);
      const connect = async () => {
        const socket = await lab.client.openSocket();
        // tracefs tells a lab's sockets by the ports that are the lab's.
        if (way === 'tracefs') await lab.client.bind(socket, lab.nextClientEndpoint());
        await lab.client.connect(socket, server);
        return socket;
      };
      const accept = () => lab.waitFor('a connection', () => lab.server.accept(listener));
      const closed = await connect();
      const accepted = await accept();
      await lab.client.shutdown(closed);
      await lab.waitFor('a FIN', async () => (await lab.server.receive(accepted))?.length === 0);
      await lab.server.close(accepted);
      await lab.waitFor('the other FIN', async () => (await lab.client.receive(closed))?.length === 0);
      await lab.client.close(closed);
      const aborted = await connect();
      await lab.server.abort(await accept());
      await lab.waitFor('an RST', () => lab.client.takeError(aborted));
      await lab.client.close(aborted);
      await lab.server.close(listener);
      const refused = await connect();
      await lab.waitFor('another RST', () => lab.client.takeError(refused));
      await lab.client.close(refused);
      await lab.server.setRule({ hook: 'in', destinationPort: server.port, fate: 'drop' });
      await lab.client.close(await connect());
      await lab.observe();

      for (const host of ['client', 'server'] as const) {
        const ours = lab.timeline.of('kernel').flatMap((event): Change[] => {
          if (event.host !== host || !event.change) return [];
          if (host === 'server' && event.local.port !== server.port) return [];
          return [{ ...event.change, local: event.local.port, remote: event.remote.port }];
        });
        expect(ours.length).toBeGreaterThan(5);
        await eventually('all lines of bpftrace', () => printed(host).length >= ours.length);
        // The kernel chooses the port of a socket that is not bound after the first line about it.
        const theirs = printed(host).map((change, index) =>
          change.local === 0 && change.to === 'SYN-SENT' ? { ...change, local: ours[index]?.local } : change,
        );
        expect(theirs).toEqual(ours);
      }
      bpftrace.kill('SIGINT');
      await bpftrace.ended;
    },
  );
});

async function namespaceOf(host: Host): Promise<string> {
  const child = await host.spawn('readlink', ['/proc/self/ns/net'], { stdio: ['ignore', 'pipe', 'inherit'] });
  let name = '';
  for await (const text of child.stdout ?? []) name += text;
  return /\d+/.exec(name)?.[0] ?? '';
}

/** What was printed of a namespace, in the order of time: bpftrace has a buffer for each processor. */
function changesIn(lines: string, namespace: string): Change[] {
  return [...lines.matchAll(/^(\d+) (\d+) (\d+) (\d+) (\d+) (\d+)$/gm)]
    .map((fields) => fields.slice(1))
    .filter((fields) => fields[1] === namespace)
    .sort(([a = ''], [b = '']) => (BigInt(a) < BigInt(b) ? -1 : 1))
    .map(([, , ...numbers]) => numbers.map(Number))
    .map(([from = 0, to = 0, local = 0, remote = 0]) => ({
      from: stateOfLinux(from),
      to: stateOfLinux(to),
      local,
      remote,
    }));
}
