import { seconds } from '../bench.ts';
import { fault, good, type Probe, risk } from '../probe.ts';
import type { ServerBench } from '../server-bench.ts';

const CLIENTS = 300;

export const manyConnections: Probe<ServerBench> = {
  id: 'many-connections',
  title: `${CLIENTS} clients connect at once`,
  why: 'After a restart or a failover, all clients reconnect at once. When the accept queue is full, the kernel drops the SYN or the final ACK, and the client waits 1 s or more for the retransmission.',
  mend: 'Use a listen() backlog sized for the peak (net.core.somaxconn caps it), and call accept() in a loop that does nothing else.',
  async run(bench) {
    const visitors = await Promise.all(Array.from({ length: CLIENTS }, () => bench.knock()));
    const accepted = await bench.until(async () => {
      const rows = await bench.lab.server.observe();
      const open = rows.filter(({ state, inode }) => state === 'ESTABLISHED' && inode !== 0);
      return open.length >= CLIENTS;
    });
    const rows = await bench.lab.server.observe();
    const open = rows.filter(({ state, inode }) => state === 'ESTABLISHED' && inode !== 0).length;
    const backlog = (await bench.listener())?.sendQueue ?? 0;
    const dropped = await bench.counted('TcpExtListenOverflows');
    await Promise.all(visitors.map((visitor) => visitor.close()));
    const wrong = await bench.whatIsWrong();
    const queue = `backlog ${backlog}, ${dropped === 0 ? 'no overflow' : `${dropped} overflows`}`;
    if (wrong) return fault(`after the burst ${wrong} (${queue})`);
    if (accepted && dropped === 0) return good(`all accepted within ${seconds(accepted.tookMs)} (${queue})`);
    if (accepted) return risk(`all accepted, but only after ${seconds(accepted.tookMs)} (${queue})`);
    return risk(
      `only ${open} of ${CLIENTS} were open after ${seconds(bench.withinMs)} (${queue}); afterwards a new client was served`,
    );
  },
};
