import { beforeAll, describe, expect, it } from 'vitest';
import { AsyncDisposableStack } from '../src/kernel/disposable-stack.ts';
import { IS_ROOT, needRoot, resultsIn, run, TCPLAB, tcplabAsOrdinaryUser } from './cli.ts';
import { PidNamespace } from './pid-namespace.ts';

/** Six loops of tcplab, half of them as root: `node bench/loops-at-once.mjs` has them run for minutes. */

const LOOPS = 6;
const RUNS = 3;
const RUN = ['run', 'fin-wait-1', 'syn-sent', 'closing', '--hold', '1ms', '--json'];

describe('six loops at once', { timeout: 300_000 }, () => {
  let asUser: readonly string[] = [];
  beforeAll(() => {
    if (IS_ROOT) asUser = tcplabAsOrdinaryUser();
  });

  it.for([
    ['bpf', 1],
    ['bpf', LOOPS],
    ['tracefs', 1],
    ['tracefs', LOOPS],
  ] as const)('prove every run: by %s, in %i PID namespaces', async ([way, count], context) => {
    needRoot(context, 'half of the loops');
    await using stack = new AsyncDisposableStack();
    const spaces: PidNamespace[] = [];
    while (count > 1 && spaces.length < count) {
      const space = await PidNamespace.open();
      stack.defer(() => space[Symbol.asyncDispose]());
      spaces.push(space);
    }
    const loop = async (index: number) => {
      const isRoot = index % 2 === 0;
      for (let made = 0; made < RUNS; made++) {
        const command = [...(spaces[index]?.enter ?? []), ...(isRoot ? TCPLAB : asUser), ...RUN];
        const outcome = await run(command, { TCPLAB_KERNEL_EVENTS: way });
        const { status, stderr } = outcome;
        expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
        const witnesses = resultsIn(outcome).map(({ witnesses }) => witnesses.kernelEvents?.agrees ?? null);
        expect(witnesses).toEqual(Array.from({ length: 3 }, () => (isRoot ? true : null)));
      }
    };
    await Promise.all(Array.from({ length: LOOPS }, (_, index) => loop(index)));
  });
});
