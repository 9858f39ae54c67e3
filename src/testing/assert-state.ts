import { AssertionError } from 'node:assert';
import type { State } from '../tcp/state.ts';
import { mustBeConnection, type TestConnection } from './connection.ts';
import { describeFailure } from './failure.ts';
import { look, type StateObservation, type StateOptions } from './look.ts';

/**
 * Waits until an end of the connection is in a state, by the socket table of its host; the state may have any spelling.
 * Returns what was observed. If the end does not reach the state in time, throws an AssertionError with the ladder diagram
 * and both socket tables.
 */
export async function assertState(
  connection: TestConnection,
  state: State | (string & {}),
  options: StateOptions & { test?: string },
): Promise<StateObservation> {
  mustBeConnection('assertState', connection);
  const { isSo, ...observation } = await look(connection, state, options, { call: 'assertState' });
  if (isSo) return observation;
  throw new AssertionError({
    message: await describeFailure(connection, observation, { test: options.test }),
    actual: observation.state,
    expected: observation.wanted,
    operator: 'assertState',
    stackStartFn: assertState,
  });
}
