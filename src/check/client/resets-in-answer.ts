import type { ClientBench } from '../client-bench.ts';
import { fault, type Probe } from '../probe.ts';

export const resetsInAnswer: Probe<ClientBench> = {
  id: 'resets-in-answer',
  title: 'the server resets the connection during its response',
  why: 'A crash or a proxy timeout does this. A truncated response that counts as complete corrupts data.',
  mend: 'Compare the received length with the announced length, and report ECONNRESET.',
  async run(bench) {
    const call = await bench.call();
    await call.answer({ part: true });
    // An RST discards data that the program has not read yet.
    await bench.until(async () => (await bench.sockets()).every(({ receiveQueue }) => receiveQueue === 0));
    await bench.lab.server.abort(call.socket);
    return bench.judge(await bench.reaction(), { onSuccess: fault });
  },
};
