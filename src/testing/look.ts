import { TcplabError } from '../error.ts';
import { endOf } from '../evidence/connection.ts';
import type { HostName } from '../evidence/events.ts';
import { packets } from '../evidence/witness/packets.ts';
import { stateInTable } from '../evidence/witness/socket-table.ts';
import type { Tables } from '../lab/lab.ts';
import { parseState, STATES, type State } from '../tcp/state.ts';
import type { TestConnection } from './connection.ts';

export interface StateOptions {
  /** At which end. */
  on: HostName;
  /** How long it may take to get there, in milliseconds; 1000 if not said. */
  within?: number;
}

/** What was seen of one end of a connection, from the first look to the last. */
export interface Sighting {
  host: HostName;
  wanted: State;
  /** By the socket table, at the last look. */
  state: State;
  /** The first look and the last, on the lab’s clock. */
  fromMs: number;
  toMs: number;
  looks: number;
  tables: Tables;
  /** By its segments alone; null when they do not tell. */
  bySegments: State | null;
}

const DEFAULT_WITHIN_MS = 1000;

/** Looks at the socket table of the end’s host until it is in the state, or the time is over; or, `not`, until it is not. */
export async function look(
  connection: TestConnection,
  wantedName: string,
  { on, within = DEFAULT_WITHIN_MS }: StateOptions,
  not = false,
): Promise<Sighting & { isSo: boolean }> {
  const wanted = stateNamed(wantedName);
  if (on !== 'client' && on !== 'server') {
    throw new TcplabError(
      'USAGE',
      `{ on: 'client' } or { on: 'server' } says at which end, not ${JSON.stringify(on)}`,
    );
  }
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
  const [bySegments = null] = packets.follow(lab.timeline, end).at(-1)?.states ?? [];
  const toMs = lab.nowMs();
  const seen = { host: on, wanted, state, fromMs: fromMs ?? toMs, toMs, looks, tables, bySegments };
  return { ...seen, isSo: isSo() };
}

function stateNamed(name: string): State {
  const state = parseState(name);
  if (state) return state;
  throw new TcplabError('USAGE', `TCP has no state ${JSON.stringify(name)}; it has ${STATES.join(', ')}`);
}
