/** The layout of a page, in columns from 0. */
export interface Page {
  width: number;
  /** The time, right-aligned in so many columns. */
  time: number;
  /** Columns of the lifelines. A host's actions are outside its lifeline, its firewall's inside. */
  client: number;
  server: number;
  /** How wide the calls and states beside each lifeline may be. */
  beside: number;
}

const USUAL = 80;
const [NARROWEST, WIDEST] = [40, 160];
const TIME = 7;
/** With fewer columns there are no times, only pauses. */
const COLUMNS_FOR_TIME = 50;

/**
 * The page for a terminal of so many columns. Up to 60 of them the calls and states have 12 beside each lifeline, as
 * many as `SYN-RECEIVED`, and at 80 have 16, as many as `bind() listen(5)`; between the lifelines is what is left.
 */
export function pageOf(columns: number = USUAL): Page {
  const width = Math.min(WIDEST, Math.max(NARROWEST, columns));
  const beside = 12 + Math.max(0, Math.floor((width - 60) / 5));
  const time = width < COLUMNS_FOR_TIME ? 0 : TIME;
  const client = (time > 0 ? time + 1 : 0) + beside + 1;
  return { width, time, client, server: width - beside - 2, beside };
}
