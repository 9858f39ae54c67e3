import { TcplabError } from '../../error.ts';
import { fault, good, type Probe, unknown } from '../probe.ts';
import type { ServerBench } from '../server-bench.ts';

export const restarted: Probe<ServerBench> = {
  id: 'restarted',
  title: 'it is ended with connections open and started again at once',
  why:
    'Connections that a server closes first stay in TIME-WAIT for a minute, on its port. Without SO_REUSEADDR it can’t bind ' +
    'that port meanwhile: EADDRINUSE, and a minute of downtime.',
  mend: 'Set SO_REUSEADDR before bind() (most runtimes do), and wait for the old process before the new one starts.',
  async run(bench) {
    const visitors = [await bench.visit(), await bench.visit()];
    if (visitors.some((visitor) => !visitor)) return unknown('no connections stood');
    for (const visitor of visitors) await visitor?.exchange();
    await bench.program.stop(Math.min(bench.withinMs, 2000));
    // The program's end has closed them first; now their other end does.
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
      return fault(`with ${left} in TIME-WAIT: ${error.message}`);
    }
    const wrong = await bench.whatIsWrong();
    if (wrong) return fault(`started again, with ${left} in TIME-WAIT: ${wrong}`);
    return left > 0
      ? good(`with ${left} of its connections in TIME-WAIT it listened again at once`)
      : unknown('it listened again at once, but no connection was in TIME-WAIT that could have hindered it');
  },
};
