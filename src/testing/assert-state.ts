import { AssertionError } from 'node:assert';
import type { State } from '../tcp/state.ts';
import { mustBeConnection, type TestConnection } from './connection.ts';
import { describeFailure } from './failure.ts';
import { look, type Sighting, type StateOptions } from './look.ts';

/**
 * Waits until an end of the connection is in a state, by the socket table of its host; the state may have any spelling.
 * Returns what was observed. If the end does not reach the state in time, throws an AssertionError with the ladder diagram
 * and both socket tables.
 */
export async function assertState(
  connection: TestConnection,
  state: State | (string & {}),
  options: StateOptions & { test?: string },
): Promise<Sighting> {
  mustBeConnection('assertState', connection);
  const { isSo, ...sighting } = await look(connection, state, options, { call: 'assertState' });
  if (isSo) return sighting;
  throw new AssertionError({
    message: await describeFailure(connection, sighting, { test: options.test }),
    actual: sighting.state,
    expected: sighting.wanted,
    operator: 'assertState',
    stackStartFn: assertState,
  });
}
