import { parseState, type State } from '../tcp/state.ts';

/** A state as a tool prints it in a column: in capitals (`ESTAB`, `FIN_WAIT2`, `FIN-WAIT-2`, `LISTENING`). */
export function stateWord(token: string | undefined): State | undefined {
  if (token === undefined || !/^[A-Z][A-Z0-9_-]{4,12}$/.test(token)) return undefined;
  if (token === 'LISTENING') return 'LISTEN';
  return parseState(token);
}

export function isNumber(token: string | undefined): token is string {
  return token !== undefined && /^\d{1,10}$/.test(token);
}

/** The words of a line, and where the first of them begins. */
export function tokensOf(text: string): string[] {
  return text.trim().split(/\s+/);
}

/** How many words may stand before a row: a timestamp, grep's file and number, a quotation mark. */
export const MOST_BEFORE = 8;
