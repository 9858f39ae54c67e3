export type DropEffect = 'unprocessed' | 'acknowledgment only' | 'processed' | 'answered' | 'unknown';

export function dropEffect(reason: string): DropEffect {
  if (reason === 'NO_SOCKET') return 'answered';
  return reason === 'TCP_RESET' ? 'processed' : 'unprocessed';
}

export function dropWords(reason: string): string {
  return reason === 'NETFILTER_DROP' ? 'netfilter (not a rule of this lab)' : reason;
}
