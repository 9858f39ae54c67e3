import { knock } from '../../scenario/knock.ts';
import { seconds } from '../bench.ts';
import { good, type Probe, risk } from '../probe.ts';
import type { ServerBench } from '../server-bench.ts';

const SYNS = 1000;
const FIRST_PORT = 20_000;

export const halfFinishedHandshakes: Probe<ServerBench> = {
  id: 'half-finished-handshakes',
  title: `${SYNS} SYNs come and no final ACK (RFC 4987)`,
  why: 'A flood of SYNs fills the queue of half-open connections. Whoever means it then knocks in vain, unless the kernel answers with syncookies.',
  mend: 'Leave net.ipv4.tcp_syncookies at 1, and give listen() a backlog that is not tiny.',
  async run(bench) {
    const { client, server } = bench.lab;
    // The client's kernel knows nothing of these SYNs, and would end each by an RST.
    await client.setRule({ hook: 'out', destinationPort: bench.lab.serverPort, flags: 'R', fate: 'drop' });
    for (let count = 0; count < SYNS; count++) {
      await knock(client, { address: client.address, port: FIRST_PORT + count }, bench.lab.serverEndpoint());
      // What it has to say of so many is read before it is too much.
      if (count % 100 === 99) await client.observe();
    }
    const half = (await server.observe()).filter(({ state }) => state === 'SYN-RECEIVED').length;
    const startMs = bench.lab.nowMs();
    const wrong = await bench.whatIsWrong();
    const tookMs = bench.lab.nowMs() - startMs;
    const cookies = await bench.counted('TcpExtSyncookiesSent');
    const queue = `${half} half-open, ${cookies} syncookies`;
    if (wrong) return risk(`${wrong} (${queue})`);
    return tookMs > 900
      ? risk(`a good client was served after ${seconds(tookMs)} only (${queue})`)
      : good(`a good client was served after ${seconds(tookMs)} (${queue})`);
  },
};
