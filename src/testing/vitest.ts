/** `import 'tcplab/testing/vitest'` adds `toBeInState`, with its type, to vitest's `expect`. */
import { expect } from 'vitest';
import { matchers, type StateMatchers } from './matchers.ts';

expect.extend(matchers);

declare module 'vitest' {
  interface Matchers<T> extends StateMatchers<Promise<void>> {}
}
