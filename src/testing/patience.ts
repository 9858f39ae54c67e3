import { milliseconds } from '../evidence/arguments.ts';
import { type Fields, object, optional, type Shape } from '../evidence/shape.ts';

/** How long tcplab waits. */
export interface Patience {
  /** In milliseconds; default: 5000. */
  within?: number | undefined;
}

export const PATIENCE_FIELDS: Fields<Patience> = { within: optional(milliseconds) };
export const PATIENCE: Shape<Patience> = object(PATIENCE_FIELDS);
