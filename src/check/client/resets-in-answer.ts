import type { ClientBench } from '../client-bench.ts';
import { fault, type Probe } from '../probe.ts';

export const resetsInAnswer: Probe<ClientBench> = {
  id: 'resets-in-answer',
  title: 'the server resets the connection in mid-answer',
  why: 'A crash, a proxy’s timeout. Half an answer that is taken for the whole is worse than none.',
  mend: 'Check the length of what came against what was promised, and report ECONNRESET.',
  async run(bench) {
    const call = await bench.call();
    await call.answer({ part: true });
    // An RST that overtakes its reader would take the data with it.
    await bench.until(async () => (await bench.sockets()).every(({ receiveQueue }) => receiveQueue === 0));
    await bench.lab.server.abort(call.socket);
    return bench.judge(await bench.reaction(), { onSuccess: fault });
  },
};
