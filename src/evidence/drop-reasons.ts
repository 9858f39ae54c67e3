export type DropEffect = 'unprocessed' | 'acknowledgment only' | 'processed' | 'answered' | 'unknown';

export function dropEffect(reason: string): DropEffect {
  if (reason === 'NO_SOCKET') return 'answered';
  if (reason === 'TCP_SOMETHING_NEW') return 'unknown';
  if (reason === 'TCP_ZEROWINDOW') return 'acknowledgment only';
  return ['TCP_RESET', 'QUEUE_PURGE', 'TCP_OLD_DATA', 'TCP_OFOMERGE'].includes(reason)
    ? 'processed'
    : 'unprocessed';
}

export function dropWords(reason: string): string {
  return reason === 'NETFILTER_DROP' ? 'netfilter (not a rule of this lab)' : reason;
}
