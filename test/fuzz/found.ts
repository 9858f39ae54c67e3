import type { Walk } from './deeds.ts';

/** Walks in which a witness once contradicted another, shortened, with what was wrong. */
export const FOUND: (Partial<Walk> & { why: string; deeds: Walk['deeds'] })[] = [
  {
    why: 'another socket on the same ports could not connect',
    deeds: [
      { do: 'rule', at: 'client', hook: 'in', flags: '', fate: 'drop' },
      { do: 'connect', at: 'client' },
      { do: 'connect', at: 'client' },
    ],
  },
  {
    why: 'shutdown() in SYN-SENT sends nothing',
    deeds: [
      { do: 'rule', at: 'client', hook: 'in', flags: '', fate: 'drop' },
      { do: 'connect', at: 'client' },
      { do: 'shutdown', at: 'client', which: 0 },
    ],
  },
];
