import { seconds } from '../bench.ts';
import { fault, good, type Probe, risk } from '../probe.ts';
import type { ServerBench } from '../server-bench.ts';

const CLIENTS = 300;

export const manyConnections: Probe<ServerBench> = {
  id: 'many-connections',
  title: `${CLIENTS} clients connect at once`,
  why:
    'After a restart, or when a load balancer turns, all come at the same moment. What the accept queue can’t hold is ' +
    'dropped, and each of those clients waits a second and more for its next try.',
  mend: 'Give listen() a backlog for the worst moment (net.core.somaxconn caps it), and accept without doing anything else first.',
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
    const queue = `a backlog of ${backlog}, ${dropped === 0 ? 'no overflow' : `${dropped} overflows`}`;
    if (wrong) return fault(`with ${queue}, and when they had gone: ${wrong}`);
    if (accepted && dropped === 0)
      return good(`all were accepted within ${seconds(accepted.tookMs)}, with ${queue}`);
    if (accepted) return risk(`all were accepted after ${seconds(accepted.tookMs)}, with ${queue}`);
    return risk(
      `${open} of ${CLIENTS} were open at a time after ${seconds(bench.withinMs)}, with ${queue}; then it served again`,
    );
  },
};
