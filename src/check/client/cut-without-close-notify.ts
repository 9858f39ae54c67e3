import type { ClientBench } from '../client-bench.ts';
import { type Advice, fault, unknown } from '../finding.ts';
import type { Probe } from '../probe.ts';
import { isHttpRequest } from '../talk/http.ts';

const ADVICE: Advice = {
  why: 'Anyone on the way can send a FIN. Only close_notify, which is encrypted, says that the response is complete (RFC 8446, 6.1): without it, half of a response counts as a whole one.',
  fix: 'Report an end without close_notify as an error (OpenSSL: leave SSL_OP_IGNORE_UNEXPECTED_EOF unset), or compare with an announced length.',
};

/** A response whose length only its end tells (RFC 9112, 6.3), and of it a part. */
const PART = `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n${'x'.repeat(500)}`;

export const cutWithoutCloseNotify: Probe<ClientBench> = {
  id: 'cut-without-close-notify',
  title: 'TLS: the response ends with a FIN, without close_notify',
  purpose:
    'An attacker, or a proxy that fails, cuts a response that has no length. TLS lets the client notice.',
  restsOnService: true,
  needsTls: true,
  async run(bench) {
    await bench.meet(async (call) => {
      await call.send(Buffer.from(PART));
      await call.closeAbruptly();
    });
    if (!bench.requests.every(isHttpRequest))
      return unknown('no-http', 'only responses of HTTP may end with the connection');
    if (bench.requests.some((request) => request.toString('latin1', 0, 5) === 'HEAD '))
      return unknown('no-body', 'the response to HEAD has no body that could be cut');
    return bench.judge(await bench.reaction(), ADVICE, {
      onSuccess: (code, says, _, numbers) => fault(code, says, ADVICE, numbers),
    });
  },
};
