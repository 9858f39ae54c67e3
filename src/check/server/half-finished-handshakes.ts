import { craftSyn } from '../../scenario/crafted.ts';
import { seconds } from '../describe.ts';
import { type Advice, good, risk } from '../finding.ts';
import type { Probe } from '../probe.ts';
import type { ServerBench } from '../server-bench.ts';

const SYNS = 1000;
const FIRST_PORT = 20_000;

const ADVICE: Advice = {
  why: "A SYN flood fills the SYN queue. Legitimate clients then can't connect, unless the kernel answers with SYN cookies.",
  fix: 'Leave net.ipv4.tcp_syncookies at 1, and use a listen() backlog of at least 128.',
};

export const halfFinishedHandshakes: Probe<ServerBench> = {
  id: 'half-finished-handshakes',
  title: `${SYNS} SYNs arrive without a final ACK (RFC 4987)`,
  purpose: 'A SYN flood. Legitimate clients must get through, with SYN cookies or a long queue.',
  restsOnService: true,
  async run(bench) {
    const { client, server } = bench.lab;
    // The client's kernel has no sockets for these SYNs, and would reset each connection.
    await client.setRule({ hook: 'out', destinationPort: bench.lab.serverPort, flags: 'R', fate: 'drop' });
    for (let count = 0; count < SYNS; count++) {
      await craftSyn(
        client,
        { address: client.address, port: FIRST_PORT + count },
        bench.lab.serverEndpoint(),
      );
      // The buffers of the capture must not overflow.
      if (count % 100 === 99) await client.observe();
    }
    const half = (await server.observe()).filter(({ state }) => state === 'SYN-RECEIVED').length;
    const startMs = bench.lab.nowMs();
    const wrong = await bench.whatIsWrong();
    const tookMs = bench.lab.nowMs() - startMs;
    const cookies = await bench.counted('TcpExtSyncookiesSent');
    const queue = `${half} in SYN-RECEIVED, ${cookies} SYN cookies`;
    // The crafted SYNs are none of the client's kernel.
    const retransmitted = await bench.counted('TcpRetransSegs', 'client');
    const numbers = { tookMs, half, cookies, retransmitted };
    if (wrong) return risk('not-served', `${wrong} (${queue})`, ADVICE, numbers);
    return retransmitted > 0
      ? risk(
          'served-late',
          `a legitimate client was served, but only after ${seconds(tookMs)}: its segments were dropped (${queue})`,
          ADVICE,
          numbers,
        )
      : good('served', `a legitimate client was served after ${seconds(tookMs)} (${queue})`, numbers);
  },
};
