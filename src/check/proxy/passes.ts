import { seconds } from '../describe.ts';
import { type Advice, fault, good, unknown } from '../finding.ts';
import { HELLO, type ProxyProbe, passed } from '../proxy-bench.ts';

const ADVICE: Advice = {
  why: 'A legitimate client does not reach the server. No other test can tell anything then.',
  fix: 'Check the command, --port, and that the relay connects to {server} at {server_port}. For a proxy that waits for a request: --connect or --socks.',
};

const ANSWER = Buffer.from('hello\n');

export const passes: ProxyProbe = {
  id: 'passes',
  by: 'both',
  title: 'a message in each direction',
  purpose: 'The healthy exchange. The other tests assume that a legitimate client reaches the server.',
  restsOnService: false,
  async run(bench) {
    const startMs = bench.lab.nowMs();
    const { client, server } = await bench.through();
    const before = client.received;
    await server.send(ANSWER);
    const answered = await bench.until(async () => {
      await bench.look();
      return (await client.read()) >= before + ANSWER.length || client.ended !== 'open';
    });
    const tookMs = bench.lab.nowMs() - startMs;
    const left = await bench.left(0);
    if (!client.heard.subarray(before).equals(ANSWER))
      return passed(
        answered
          ? fault('changed', "the client did not get the server's message as it was sent", ADVICE)
          : unknown(
              'no-answer',
              `no message from the server reached the client within ${seconds(bench.withinMs)}`,
            ),
        answered ? 'not intact' : null,
        null,
        left,
      );
    if (!server.heard.equals(HELLO))
      return passed(
        fault('changed', "the server did not get the client's message as it was sent", ADVICE),
        'not intact',
        null,
        left,
      );
    return passed(
      good('passed', `both messages arrived, in ${seconds(tookMs)}`, { tookMs }),
      'intact',
      null,
      left,
    );
  },
};
