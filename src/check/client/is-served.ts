import { counted } from '../../evidence/counted.ts';
import { type ClientBench, healthy, isInUse } from '../client-bench.ts';
import { seconds } from '../describe.ts';
import { good, unknown } from '../finding.ts';
import type { Probe } from '../probe.ts';
import { isHttpRequest } from '../talk/http.ts';

/** The first byte of a TLS record of a handshake (RFC 8446, 5.1). */
const TLS_HANDSHAKE = 0x16;

export const isServed: Probe<ClientBench> = {
  id: 'is-served',
  title: 'the server responds completely',
  purpose:
    'The healthy exchange. The tests that judge by the exit status assume that the client understands tcplab.',
  restsOnService: false,
  async run(bench) {
    await bench.meet(healthy);
    const reaction = await bench.reaction();
    const attempts = bench.attempts();
    const says = counted(attempts, 'connection');
    if (bench.program.status !== undefined && bench.program.status !== 0) {
      const { status } = bench.program;
      const words = bench.lastWords === null ? '' : `: ${bench.lastWords}`;
      const isTls = bench.said[0]?.[0] === TLS_HANDSHAKE && !bench.options.secure;
      const hint = isTls
        ? '; it speaks TLS: use --tls'
        : '; does it understand the response? See --talk and --answer';
      return unknown('not-understood', `the client exited with status ${status}${words}${hint}`, {
        status,
        attempts,
      });
    }
    if (reaction.what === 'ended') {
      const { status, tookMs } = reaction;
      return good('served', `exited with status 0 after ${seconds(tookMs)} (${says})`, {
        status,
        tookMs,
        attempts,
      });
    }
    const open = (await bench.sockets()).filter(isInUse).length;
    const still = `keeps running (${says}, ${open} still open)`;
    // A client that waits for more than a line of x may not have understood it.
    const isUnderstood =
      bench.talk.name !== 'auto' || bench.requests.every(isHttpRequest) || reaction.what === 'let go';
    return isUnderstood
      ? good('keeps-running', still, { attempts, open })
      : unknown('not-understood', `${still}; does it understand the response? See --talk and --answer`, {
          attempts,
          open,
        });
  },
};
