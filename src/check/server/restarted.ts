import { TcplabError } from '../../error.ts';
import { type Advice, fault, good, unknown } from '../finding.ts';
import type { Probe } from '../probe.ts';
import type { ServerBench } from '../server-bench.ts';

const ADVICE: Advice = {
  why: 'Connections that the server closes first stay in TIME-WAIT for 60 s, on its port. Without SO_REUSEADDR, bind() fails with EADDRINUSE for that time.',
  fix: 'Set SO_REUSEADDR before bind() (most runtimes do). Start the new process after the old one has exited.',
};

/** The kernel closes at once what a program leaves that has exited; a busy machine may need longer. */
const CLOSED_WITHIN_MS = 5000;

export const restarted: Probe<ServerBench> = {
  id: 'restarted',
  title: 'a restart at once, with connections open',
  purpose: 'After a crash or a deployment the server must listen again at once, on the same port.',
  restsOnService: true,
  async run(bench) {
    const visitors = [await bench.visit(), await bench.visit()];
    if (visitors.some((visitor) => !visitor))
      return unknown('not-established', 'no connection was established');
    for (const visitor of visitors) await visitor?.exchange();
    await bench.program.stop(Math.min(bench.withinMs, 2000));
    // The exit of the program has closed them first. Now the clients close.
    for (const visitor of visitors) {
      await bench.until(async () => {
        await visitor?.read();
        return visitor?.ended !== 'open';
      }, CLOSED_WITHIN_MS);
      await visitor?.close();
    }
    const waiting = await bench.until(
      async () => (await bench.countInState('TIME-WAIT')) > 0,
      CLOSED_WITHIN_MS,
    );
    const left = waiting ? await bench.countInState('TIME-WAIT') : 0;
    const numbers = { timeWaits: left };
    try {
      await bench.start();
    } catch (error) {
      if (!(error instanceof TcplabError)) throw error;
      // Only then its end has to do with them.
      return /EADDRINUSE|address (is )?already in use/i.test(error.message)
        ? fault('not-restarted', `with ${left} connections in TIME-WAIT: ${error.message}`, ADVICE, numbers)
        : unknown('not-restarted', error.message, numbers);
    }
    const wrong = await bench.whatIsWrong();
    if (wrong)
      return fault(
        'not-served-after',
        `restarted with ${left} connections in TIME-WAIT, but ${wrong}`,
        ADVICE,
        numbers,
      );
    return left > 0
      ? good('restarted', `listens again with ${left} connections in TIME-WAIT`, numbers)
      : unknown(
          'nothing-in-the-way',
          'the server listens again, but no connection was in TIME-WAIT to prevent it',
          numbers,
        );
  },
};
