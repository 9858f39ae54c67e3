import { counted } from '../../evidence/counted.ts';
import type { Unreached } from '../../evidence/unreached.ts';

/** `the server's SYN queue was full: it dropped 6 SYNs (TcpExtTCPReqQFullDrop +6)` */
export function unreachedLine({ host, what, segments, why, counters }: Unreached): string {
  const subject = counted(segments, what);
  const numbers = Object.entries(counters).map(([name, change]) => `${name} +${change}`);
  const shown = numbers.length > 0 ? ` (${numbers.join(', ')})` : '';
  switch (why) {
    case 'accept queue full':
      return `the ${host}'s accept queue was full: its kernel dropped ${subject}${shown}`;
    case 'accept deferred':
      return `the ${host}'s listener waits for data (TCP_DEFER_ACCEPT): its kernel dropped ${subject}${shown}`;
    case 'SYN queue full':
      return `the ${host}'s SYN queue was full: its kernel dropped ${subject}${shown}`;
    case 'listener dropped it':
      return `a listener at the ${host} dropped ${subject}, although no queue was full${shown}`;
    case 'no socket':
      return `the ${host} has no socket for ${subject}: its kernel replied with RST${shown}`;
    case null:
      return `no connection at the ${host} received ${subject}; the counters do not show why${shown}`;
  }
}
