import { seconds } from '../describe.ts';
import { type Advice, fault, good, unknown } from '../finding.ts';
import type { Probe } from '../probe.ts';
import type { ServerBench } from '../server-bench.ts';

const ADVICE: Advice = {
  why: 'A legitimate client is not served. No other test can tell anything then.',
  fix: 'Check the command and --port. Check the request and the expected response: --http PATH, --talk NAME, or --request TEXT with --expect TEXT.',
};

const SPEAKS_WITHIN_MS = 200;

export const serves: Probe<ServerBench> = {
  id: 'serves',
  title: 'a client sends a request and reads the response',
  purpose: 'The healthy exchange. The other tests assume that a legitimate client is served.',
  restsOnService: false,
  async run(bench) {
    const visitor = await bench.visit();
    const within = seconds(bench.withinMs);
    const tookMs = await visitor?.exchange();
    await bench.mustBeReachable(visitor);
    if (!visitor) return fault('not-established', `no connection was established within ${within}`, ADVICE);
    const { ended, problem } = visitor;
    if (ended.startsWith('ERR_'))
      return unknown(
        'tls-failed',
        `TLS failed: ${ended}${ended === 'ERR_SSL_WRONG_VERSION_NUMBER' ? '; the server may not speak TLS: leave --tls out' : ''}`,
      );
    if (tookMs === undefined) {
      const isOther = bench.talk.name === 'text' && bench.said.length > 0;
      const other = isOther ? ': what it sent is not what --greeting or --expect says' : '';
      return ended === 'open'
        ? fault('no-answer', `no complete response within ${within}${other}`, ADVICE)
        : fault('ended-early', `the server sent ${ended} before a complete response${other}`, ADVICE);
    }
    if (problem !== null)
      return unknown(
        'unexpected-answer',
        `unexpected answer: ${problem}${problem.startsWith('HTTP ') ? '; if that is right: --expect-status' : ''}`,
        { tookMs },
      );
    if (bench.talks) return good('answered', `complete response in ${seconds(tookMs)}`, { tookMs });
    if (await bench.isAccepted(visitor)) {
      // What it says first is shown.
      await bench.until(async () => (await visitor.read()) > 0 || visitor.ended !== 'open', SPEAKS_WITHIN_MS);
      return good('accepted', 'accepted; tcplab sent no request');
    }
    // TCP_DEFER_ACCEPT, or a program that is stuck: without a request nobody can know.
    return unknown(
      'not-accepted',
      `established, but not accepted within ${within}, and tcplab sent no request: use --http, --talk or --request`,
    );
  },
};
