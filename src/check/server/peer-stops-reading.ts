import { fault, good, type Probe, unknown } from '../probe.ts';
import type { ServerBench } from '../server-bench.ts';

/** Octets; the kernel makes the least of it that it can. */
const SMALL_BUFFER = 1;
/** Octets of requests. */
const AT_A_TIME = 32_768;

export const peerStopsReading: Probe<ServerBench> = {
  id: 'peer-stops-reading',
  title: 'a client asks again and again, and never reads',
  why:
    'Its window goes to zero, and a blocking write waits for ever. In a server with one thread, or with few, nobody else is ' +
    'served then: one slow client is enough.',
  mend: 'Write without blocking and watch for room (EPOLLOUT, drain), give writes a deadline, and bound what is buffered for one client.',
  async run(bench) {
    if (!bench.talks) return unknown('nothing was said: --http or --request has it send something');
    const visitor = await bench.visit({ receiveBuffer: SMALL_BUFFER });
    if (!visitor) return unknown('no connection stood');
    const full = await bench.until(async () => {
      await visitor.ask(Math.ceil(AT_A_TIME / bench.options.talk.request.length));
      if (visitor.ended !== 'open') return 'ended' as const;
      const row = await bench.serverRow(visitor);
      if (row?.state !== 'ESTABLISHED') return 'ended' as const;
      return row.timer === 'probe' && row.sendQueue > 0 ? ('full' as const) : undefined;
    });
    const wrong = await bench.whatIsWrong();
    if (wrong) return fault(`beside it ${wrong}`);
    if (full?.value === 'full') return good('its window was zero, and others were served');
    if (full?.value === 'ended') return good('it ended that connection, and served others');
    return unknown('its answers were too small to fill a window; others were served');
  },
};
