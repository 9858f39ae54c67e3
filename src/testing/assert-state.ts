import { AssertionError } from 'node:assert';
import type { State } from '../tcp/state.ts';
import type { TestConnection } from './connection.ts';
import { describeFailure } from './failure.ts';
import { look, type Sighting, type StateOptions } from './look.ts';

/**
 * Waits until an end of the connection is in a state, in any spelling, by its host’s socket table; gives what was seen.
 * Else throws an AssertionError with the ladder and both tables.
 */
export async function assertState(
  connection: TestConnection,
  state: State | (string & {}),
  options: StateOptions & { test?: string },
): Promise<Sighting> {
  const { isSo, ...sighting } = await look(connection, state, options);
  if (isSo) return sighting;
  throw new AssertionError({
    message: await describeFailure(connection, sighting, { test: options.test }),
    actual: sighting.state,
    expected: sighting.wanted,
    operator: 'assertState',
    stackStartFn: assertState,
  });
}
