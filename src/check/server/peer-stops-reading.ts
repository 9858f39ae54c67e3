import { type Advice, fault, good, unknown } from '../finding.ts';
import type { Probe } from '../probe.ts';
import type { ServerBench } from '../server-bench.ts';

/** Bytes. The kernel raises it to its minimum. */
const SMALL_BUFFER = 1;
/** Bytes of requests. */
const AT_A_TIME = 32_768;

const ADVICE: Advice = {
  why: 'The receive window of such a client drops to zero, so a blocking write never returns. In a server with few threads, one such client stops the service for everyone.',
  fix: 'Use non-blocking writes and wait until the socket is writable (EPOLLOUT, Node: drain). Give writes a timeout. Limit the buffer per client.',
};

export const peerStopsReading: Probe<ServerBench> = {
  id: 'peer-stops-reading',
  title: 'a client keeps sending requests and never reads',
  purpose: 'A hung or hostile client must not stop the service for the others.',
  restsOnService: true,
  async run(bench) {
    if (!bench.talks) return unknown('no-request', 'tcplab sent no request: use --http, --talk or --request');
    const visitor = await bench.visit({ receiveBuffer: SMALL_BUFFER });
    if (!visitor) return unknown('not-established', 'no connection was established');
    let wasFull = false;
    const full = await bench.until(async () => {
      await visitor.ask(Math.ceil(AT_A_TIME / bench.talk.request.length));
      if (visitor.ended !== 'open') return 'ended' as const;
      const row = await bench.serverRow(visitor);
      if (row?.state !== 'ESTABLISHED') return 'ended' as const;
      wasFull ||= row.timer === 'probe' && row.sendQueue > 0;
      return wasFull ? ('full' as const) : undefined;
    });
    const wrong = await bench.whatIsWrong();
    if (wrong) return fault('others-not-served', `while one client did not read, ${wrong}`, ADVICE);
    if (full?.value === 'full') return good('others-served', 'zero window, and other clients were served');
    if (full?.value === 'ended')
      return unknown(
        'closed',
        'the server closed the connection before its window was full; it served others',
      );
    return unknown(
      'window-not-filled',
      'the responses were too small to fill the receive window; other clients were served',
    );
  },
};
