/**
 * What holds besides the state while a scenario holds it: without that the state would be another scenario's. A new one
 * needs its name here and its check in conditions.ts.
 */
export const CONDITIONS = [
  'bound',
  'persist-timer',
  'descriptor-open',
  'orphaned',
  'never-accepted',
  'accept-queue-full',
  'retransmission-timer',
  'fin-unsent',
  'accept-deferred',
  'data-on-syn',
  'after-time-wait',
  'own-peer',
  'refused-by-peer',
  'forgotten-by-box',
  'dropped-by-box',
] as const;
export type Condition = (typeof CONDITIONS)[number];
