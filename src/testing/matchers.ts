import type { State } from '../tcp/state.ts';
import { mustBeConnection } from './connection.ts';
import { describeFailure } from './failure.ts';
import { look, type StateOptions } from './look.ts';

/** The part of what vitest and jest pass to a matcher that is used here. */
interface Context {
  isNot?: boolean;
  currentTestName?: string | undefined;
}

export interface StateMatchers<R> {
  /**
   * Passes if an end of a connection is in a state, or reaches it within the time; with `not`, if it is not in the state, or
   * leaves it within the time. The state may have any spelling. Await it.
   */
  toBeInState(state: State | (string & {}), options: StateOptions): R;
}

/** For `expect.extend`, if neither tcplab/testing/vitest nor tcplab/testing/jest is imported. */
export const matchers: {
  toBeInState(
    this: Context,
    connection: unknown,
    state: string,
    options: StateOptions,
  ): Promise<{ pass: boolean; message: () => string; actual?: unknown; expected?: unknown }>;
} = {
  async toBeInState(connection, state, options) {
    mustBeConnection('toBeInState', connection);
    const not = this.isNot ?? false;
    const { isSo, ...observation } = await look(connection, state, options, { not, call: 'toBeInState' });
    // Made now, because the lab may be closed when the runner asks for it.
    const text = isSo
      ? ''
      : await describeFailure(connection, observation, { not, test: this.currentTestName });
    return { pass: isSo !== not, message: () => text };
  },
};
