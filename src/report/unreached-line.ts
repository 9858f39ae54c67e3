import type { Unreached } from '../evidence/unreached.ts';

/** `6 SYNs met a full SYN queue at the server (TcpExtTCPReqQFullDrop +6)` */
export function unreachedLine({ host, what, segments, why, counters }: Unreached): string {
  const subject = `${segments} ${what}${segments === 1 ? '' : 's'}`;
  const numbers = Object.entries(counters).map(([name, change]) => `${name} +${change}`);
  const told = numbers.length > 0 ? ` (${numbers.join(', ')})` : '';
  switch (why) {
    case 'accept queue full':
      return `${subject} met a full accept queue at the ${host}${told}`;
    case 'SYN queue full':
      return `${subject} met a full SYN queue at the ${host}${told}`;
    case 'listener dropped it':
      return `${subject} dropped by a listener at the ${host}, not for a full queue${told}`;
    case 'no socket':
      return `${subject} met no socket at the ${host}, whose kernel answered by RST${told}`;
    case null:
      return `${subject} reached nobody at the ${host}; its counters do not tell why${told}`;
  }
}
