import { seconds } from '../describe.ts';
import { type Advice, good, risk, unknown } from '../finding.ts';
import type { Probe } from '../probe.ts';
import type { ServerBench } from '../server-bench.ts';

const ADVICE: Advice = {
  why: 'Only close_notify, which is encrypted, says that a response without a length is complete (RFC 8446, 6.1). A client that insists on it reports an error; one that does not can be sent half a response.',
  fix: 'Shut TLS down before closing the socket (SSL_shutdown; Node: end(), not destroy()).',
};

export const closeNotify: Probe<ServerBench> = {
  id: 'close-notify',
  title: 'TLS: the server closes, with or without close_notify',
  purpose: 'A FIN can be forged. By close_notify a client knows that it has received everything.',
  restsOnService: true,
  needsTls: true,
  async run(bench) {
    if (!bench.talks) return unknown('no-request', 'tcplab sent no request: use --http, --talk or --request');
    const visitor = await bench.visit();
    if (!visitor) return unknown('not-established', 'no connection was established');
    await bench.until(async () => (await visitor.isGreeted()) || visitor.ended !== 'open');
    const request = bench.talk.request.toString('latin1');
    await visitor.send(
      Buffer.from(request.replace(/\r\nHost: /, '\r\nConnection: close\r\nHost: '), 'latin1'),
    );
    const closed = await bench.until(async () => {
      await visitor.read();
      return visitor.ended !== 'open';
    });
    if (!closed) return unknown('server-stays', `the server did not close within ${seconds(bench.withinMs)}`);
    if (visitor.isNotified) return good('notified', 'close_notify came before the FIN');
    return risk('not-notified', `the server sent ${visitor.ended} without close_notify`, ADVICE);
  },
};
