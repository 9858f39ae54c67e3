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
  {
    why: 'a new listener on the ports of a TIME-WAIT',
    deeds: [
      { do: 'listen', at: 'server' },
      { do: 'connect', at: 'client' },
      { do: 'shutdown', at: 'client', which: 0 },
      { do: 'craft', at: 'server', flags: 'F.', seq: 0, ack: 0, octets: 0 },
      { do: 'listen', at: 'client' },
    ],
  },
  {
    why: 'a request that outlives its listener',
    deeds: [
      { do: 'listen', at: 'server' },
      { do: 'rule', at: 'server', hook: 'out', flags: '', fate: 'drop' },
      { do: 'connect', at: 'client' },
      { do: 'abort', at: 'server', which: 0 },
      { do: 'connect', at: 'server' },
    ],
  },
];
