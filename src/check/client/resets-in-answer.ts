import type { ClientBench } from '../client-bench.ts';
import { fault, type Probe, unknown } from '../probe.ts';
import { NOT_TRIED } from './syn-dropped.ts';

export const resetsInAnswer: Probe<ClientBench> = {
  id: 'resets-in-answer',
  title: 'the server resets the connection in mid-answer',
  why: 'A crash, a proxy’s timeout. Half an answer that is taken for the whole is worse than none.',
  mend: 'Check the length of what came against what was promised, and report ECONNRESET.',
  async run(bench) {
    const call = await bench.call(await bench.listen());
    if (!call) return unknown(NOT_TRIED);
    await call.listen();
    await call.answer({ part: true });
    // An RST that overtakes its reader would take the data with it.
    await bench.until(async () => (await bench.sockets()).every(({ receiveQueue }) => receiveQueue === 0));
    await bench.lab.server.abort(call.socket);
    return bench.judge(await bench.reaction(), { onSuccess: fault });
  },
};
