/** Where things stand on a page, in columns from 0. */
export interface Page {
  width: number;
  /** The time, right-aligned in so many columns. */
  time: number;
  /** The lifelines. What a host does stands outside of its lifeline, what its firewall does inside. */
  client: number;
  server: number;
  /** How wide the calls and states beside each lifeline may be. */
  beside: number;
}

const WIDEST = 80;
const NARROWEST = 60;
const TIME = 7;
/** For `bind() connect()` and `bind() listen(5)`. */
const BESIDE = 16;

/** The page for a terminal of so many columns; between the lifelines is what is left. */
export function pageOf(columns: number = WIDEST): Page {
  const width = Math.min(WIDEST, Math.max(NARROWEST, columns));
  const client = TIME + 1 + BESIDE + 1;
  return { width, time: TIME, client, server: width - BESIDE - 2, beside: BESIDE };
}
