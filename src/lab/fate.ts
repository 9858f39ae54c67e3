/** A rule's verdict on a matching segment. `drop` sends no reply; the others do. */
export const FATES = [
  'drop',
  'reject with RST',
  'reject with port unreachable',
  'reject with host unreachable',
  'reject with administratively prohibited',
] as const;

export type Fate = (typeof FATES)[number];
