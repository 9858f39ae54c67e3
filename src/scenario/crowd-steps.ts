import type { HostName } from '../evidence/events.ts';
import type { State } from '../tcp/state.ts';

/** One of the things that are done for each connection of a crowd, by the end that does it. */
export type CrowdStep =
  | { do: 'connect' | 'accept' | 'receive' | 'shutdown' | 'close' | 'abort'; at: HostName }
  | { do: 'send'; at: HostName; data: string }
  /** From here on a rule on this host drops all incoming or all outgoing segments of these connections. */
  | { do: 'drop'; at: HostName; hook: 'in' | 'out' }
  /** Removes the rules that were set for these connections. */
  | { do: 'lift' }
  /** They are waited for in the socket table. */
  | { do: 'see'; at: HostName; state: State };

/** Vocabulary of `CatalogueScenario.crowd`: each in as few calls as its state needs. */

export const clients = (call: 'connect' | 'receive' | 'shutdown' | 'close' | 'abort'): CrowdStep => ({
  do: call,
  at: 'client',
});
export const servers = (call: 'connect' | 'accept' | 'receive' | 'close'): CrowdStep => ({
  do: call,
  at: 'server',
});
export const drop = (at: HostName, hook: 'in' | 'out'): CrowdStep => ({ do: 'drop', at, hook });
export const see = (at: HostName, state: State): CrowdStep => ({ do: 'see', at, state });
export const send = (at: HostName, data: string): CrowdStep => ({ do: 'send', at, data });
export const OPEN: readonly CrowdStep[] = [clients('connect'), servers('accept')];

export const NO_ROW = 'the socket table has no row of it to count';
