import type { HostName } from '../../evidence/events.ts';
import type { Transition } from '../../evidence/transitions.ts';
import type { CallText } from './calls.ts';
import type { Flight } from './flight.ts';
import type { Row } from './rows.ts';

/** What a ladder shows in addition to segments and states. */
export type Happened =
  | (CallText & { what: 'call' })
  | { what: 'rule-set'; atMs: number; host: HostName; rule: number; text: string }
  | { what: 'rule-lifted'; atMs: number; host: HostName; rule: number }
  | { what: 'hold'; atMs: number; edge: 'begins' | 'ends' }
  /** `isFinal`: what it counts still grows until all is over. */
  | { what: 'note'; atMs: number; text: string; isFinal?: boolean };

/** A row of a timeline's ladder. */
export type Moment = Row<Flight, Transition, Happened>;
