/** `import 'tcplab/testing/jest'` gives jest’s expect `toBeInState`, with its type. */
import { matchers, type StateMatchers } from './matchers.ts';

// Jest's modules are made for each file of tests anew; what is global there is that file's.
const { expect } = globalThis as unknown as { expect?: { extend(all: typeof matchers): void } };
if (!expect) throw new Error('tcplab/testing/jest is for tests that jest runs, with its globals');
expect.extend(matchers);

declare global {
  namespace jest {
    interface Matchers<R> extends StateMatchers<Promise<void>> {}
  }
}
