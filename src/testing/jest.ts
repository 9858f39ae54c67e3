/** `import 'tcplab/testing/jest'` adds `toBeInState`, with its type, to jest's `expect`. */
import { matchers, type StateMatchers } from './matchers.ts';

// Jest loads modules once per test file, with the globals of that file.
const { expect } = globalThis as unknown as { expect?: { extend(all: typeof matchers): void } };
if (!expect)
  throw new Error(
    "tcplab/testing/jest needs jest's global expect: import it in a test file or in setupFilesAfterEnv",
  );
expect.extend(matchers);

declare global {
  namespace jest {
    interface Matchers<R> extends StateMatchers<Promise<void>> {}
  }
}
