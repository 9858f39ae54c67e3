import { counted } from '../../evidence/counted.ts';
import type { SocketRow } from '../../tcp/socket-row.ts';
import { formatMs } from '../words/time.ts';

/** `retransmission in 190 ms, 2 retransmissions`; empty when none runs. */
export function timerText({ timer, expiresMs, retransmits }: SocketRow): string {
  if (timer === 'none' || expiresMs === null) return '';
  const again = retransmits > 0 ? `, ${counted(retransmits, 'retransmission')}` : '';
  return `${timer} in ${formatMs(expiresMs)}${again}`;
}
