import { TcplabError } from '../error.ts';
import { host, milliseconds, mustFit } from '../evidence/arguments.ts';
import { endOf } from '../evidence/connection.ts';
import type { HostName } from '../evidence/events.ts';
import { object, oneOf, optional, text } from '../evidence/shape.ts';
import { packets } from '../evidence/witness/packets.ts';
import { stateInTable } from '../evidence/witness/socket-table.ts';
import type { Tables } from '../lab/lab.ts';
import { parseState, STATES, type State } from '../tcp/state.ts';
import type { TestConnection } from './connection.ts';

export interface StateOptions {
  /** The host whose end of the connection is meant. */
  on: HostName;
  /** How long the end may take to reach the state, in milliseconds; default: 1000. */
  within?: number;
}

/** With the name of the test, for the files of a failure. */
const STATE = object<StateOptions & { test?: string }>({
  on: host,
  within: optional(milliseconds),
  test: optional(text()),
});

/** What was observed of one end of a connection, from the first read of the socket table to the last. */
export interface StateObservation {
  host: HostName;
  wanted: State;
  /** In the socket table, at the last read. */
  state: State;
  /** When the first and the last read were, in milliseconds of the lab's clock. */
  fromMs: number;
  toMs: number;
  /** How often the table was read. */
  looks: number;
  tables: Tables;
  /** The state that the segments alone suggest; null if they do not determine one. */
  bySegments: State | null;
}

const DEFAULT_WITHIN_MS = 1000;

/** Reads the socket table of the end's host until the end is in the state, or the time is over; with `not`, until it is not. */
export async function look(
  connection: TestConnection,
  wantedName: string,
  options: StateOptions & { test?: string },
  { not = false, call }: { not?: boolean; call: 'toBeInState' | 'assertState' },
): Promise<StateObservation & { isSo: boolean }> {
  const wanted = stateNamed(call, wantedName);
  const example = call === 'assertState' ? 'assertState(connection, ' : 'expect(connection).toBeInState(';
  mustFit(
    `${call}() options`,
    STATE,
    options,
    `example: ${example}'CLOSE-WAIT', { on: 'server', within: 1000 })`,
  );
  const { on, within = DEFAULT_WITHIN_MS } = options;
  const { lab, endpoints } = connection;
  const end = endOf(endpoints, on, wanted);
  let fromMs: number | undefined;
  let [looks, tables, state]: [number, Tables, State] = [0, { client: [], server: [] }, 'CLOSED'];
  const isSo = () => (state === wanted) !== not;
  try {
    await lab.waitFor(
      wanted,
      async () => {
        looks++;
        tables = await lab.observe();
        fromMs ??= lab.nowMs();
        state = stateInTable(tables[on], end);
        return isSo();
      },
      within,
    );
  } catch (error) {
    if (!(error instanceof TcplabError) || error.code !== 'TIMEOUT') throw error;
  }
  const byPackets =
    packets.follow(lab.timeline, end).findLast(({ states }) => states.length > 0)?.states ?? [];
  const bySegments = byPackets.length === 1 ? (byPackets[0] ?? null) : null;
  const toMs = lab.nowMs();
  const seen = { host: on, wanted, state, fromMs: fromMs ?? toMs, toMs, looks, tables, bySegments };
  return { ...seen, isSo: isSo() };
}

function stateNamed(call: string, name: string): State {
  const state = typeof name === 'string' ? parseState(name) : undefined;
  if (!state) mustFit(`${call}() state`, oneOf(...STATES), name);
  return state as State;
}
