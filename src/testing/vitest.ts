/** `import 'tcplab/testing/vitest'` gives vitest’s expect `toBeInState`, with its type. */
import { expect } from 'vitest';
import { matchers, type StateMatchers } from './matchers.ts';

expect.extend(matchers);

declare module 'vitest' {
  interface Matchers<T> extends StateMatchers<Promise<void>> {}
}
