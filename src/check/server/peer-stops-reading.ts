import { fault, good, type Probe, unknown } from '../probe.ts';
import type { ServerBench } from '../server-bench.ts';

/** Bytes. The kernel raises it to its minimum. */
const SMALL_BUFFER = 1;
/** Bytes of requests. */
const AT_A_TIME = 32_768;

export const peerStopsReading: Probe<ServerBench> = {
  id: 'peer-stops-reading',
  title: 'a client keeps sending requests and never reads',
  why: 'Its receive window fills and drops to zero, so a blocking write never returns. In a server with few threads, one such client stops the service for everyone.',
  mend: 'Use non-blocking writes and wait until the socket is writable (EPOLLOUT, Node: drain). Give writes a timeout. Limit the buffer per client.',
  async run(bench) {
    if (!bench.talks) return unknown('tcplab sent no request: use --http or --request');
    const visitor = await bench.visit({ receiveBuffer: SMALL_BUFFER });
    if (!visitor) return unknown('no connection was established');
    const full = await bench.until(async () => {
      await visitor.ask(Math.ceil(AT_A_TIME / bench.options.talk.request.length));
      if (visitor.ended !== 'open') return 'ended' as const;
      const row = await bench.serverRow(visitor);
      if (row?.state !== 'ESTABLISHED') return 'ended' as const;
      return row.timer === 'probe' && row.sendQueue > 0 ? ('full' as const) : undefined;
    });
    const wrong = await bench.whatIsWrong();
    if (wrong) return fault(`while one client did not read, ${wrong}`);
    if (full?.value === 'full') return good('zero window, and other clients were served');
    if (full?.value === 'ended') return good('the server closed that connection and served others');
    return unknown('the responses were too small to fill the receive window; other clients were served');
  },
};
