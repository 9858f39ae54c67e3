import { TcplabError } from '../../error.ts';
import { fault, good, type Probe, unknown } from '../probe.ts';
import type { ServerBench } from '../server-bench.ts';

export const restarted: Probe<ServerBench> = {
  id: 'restarted',
  title: 'a restart at once, with connections open',
  why: 'Connections that the server closes first stay in TIME-WAIT for 60 s, on its port. Without SO_REUSEADDR, bind() fails with EADDRINUSE for that time.',
  mend: 'Set SO_REUSEADDR before bind() (most runtimes do). Start the new process after the old one has exited.',
  async run(bench) {
    const visitors = [await bench.visit(), await bench.visit()];
    if (visitors.some((visitor) => !visitor)) return unknown('no connection was established');
    for (const visitor of visitors) await visitor?.exchange();
    await bench.program.stop(Math.min(bench.withinMs, 2000));
    // The exit of the program has closed them first. Now the clients close.
    for (const visitor of visitors) {
      await bench.until(async () => {
        await visitor?.read();
        return visitor?.ended !== 'open';
      }, 500);
      await visitor?.close();
    }
    const waiting = await bench.until(async () => (await bench.countInState('TIME-WAIT')) > 0, 500);
    const left = waiting ? await bench.countInState('TIME-WAIT') : 0;
    try {
      await bench.start();
    } catch (error) {
      if (!(error instanceof TcplabError)) throw error;
      return fault(`with ${left} connections in TIME-WAIT: ${error.message}`);
    }
    const wrong = await bench.whatIsWrong();
    if (wrong) return fault(`restarted with ${left} connections in TIME-WAIT, but ${wrong}`);
    return left > 0
      ? good(`listens again with ${left} connections in TIME-WAIT`)
      : unknown('the server listens again, but no connection was in TIME-WAIT to prevent it');
  },
};
