/** What becomes of a segment that a rule matches. `drop` says nothing to the sender; the others answer it. */
export const FATES = [
  'drop',
  'reject with RST',
  'reject with port unreachable',
  'reject with host unreachable',
  'reject with administratively prohibited',
] as const;

export type Fate = (typeof FATES)[number];
