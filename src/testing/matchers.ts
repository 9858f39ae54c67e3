import { TcplabError } from '../error.ts';
import type { State } from '../tcp/state.ts';
import { TestConnection } from './connection.ts';
import { describeFailure } from './failure.ts';
import { look, type StateOptions } from './look.ts';

/** What vitest and jest give a matcher, as far as it is used. */
interface Context {
  isNot?: boolean;
  currentTestName?: string | undefined;
}

export interface StateMatchers<R> {
  /**
   * That an end of a connection is in a state, in any spelling, or gets there within the time; with `not`, that it is
   * not, or leaves it within the time. To be awaited.
   */
  toBeInState(state: State | (string & {}), options: StateOptions): R;
}

/** For `expect.extend`, where neither tcplab/testing/vitest nor tcplab/testing/jest does it. */
export const matchers: {
  toBeInState(
    this: Context,
    connection: unknown,
    state: string,
    options: StateOptions,
  ): Promise<{ pass: boolean; message: () => string; actual?: unknown; expected?: unknown }>;
} = {
  async toBeInState(connection, state, options) {
    if (!(connection instanceof TestConnection)) {
      throw new TcplabError(
        'USAGE',
        'only a connection of a lab is in a state: expect(connection).toBeInState(…)',
      );
    }
    const not = this.isNot ?? false;
    const { isSo, ...sighting } = await look(connection, state, options ?? {}, not);
    // Made now: when it is asked for, the lab may be over.
    const text = isSo ? '' : await describeFailure(connection, sighting, { not, test: this.currentTestName });
    return { pass: isSo !== not, message: () => text };
  },
};
