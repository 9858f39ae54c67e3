export type Doubt =
  | 'silent close'
  | 'close behind data'
  | 'silent abort'
  | 'orphan'
  | 'final ACK dropped'
  | 'SYN cookie'
  | 'old acknowledgment'
  | 'end of window'
  | 'rfc1337'
  | 'SYN in TIME-WAIT'
  | 'listener'
  | 'closed listener'
  | 'foreign'
  | 'RST before a request'
  | 'ICMP ignored'
  | 'not delivered'
  | 'timer'
  | 'before the capture'
  | 'FIN or data'
  | 'out of sight';

const CALLS = 'the calls would decide';

/** Why an end may be in another state than the one its segments show: what can have happened, and what would decide it. */
const DOUBTS: Readonly<Record<Doubt, readonly [what: string, decides: string]>> = {
  'silent close': ['close() sends nothing in this state', CALLS],
  'close behind data': ['the FIN of a close() may wait behind unsent data or a full window', CALLS],
  'silent abort': ['an abort sends nothing in this state', CALLS],
  orphan: ['Linux treats this segment differently after close()', CALLS],
  'final ACK dropped': [
    'a full accept queue or TCP_DEFER_ACCEPT may drop the final ACK',
    'kernel events would decide',
  ],
  'SYN cookie': [
    'a listener that answers with a SYN cookie makes no socket before the final ACK',
    'the socket table or the kernel’s counter SyncookiesSent would decide',
  ],
  'old acknowledgment': [
    'some versions of Linux refuse so old an acknowledgment (RFC 5961, 5)',
    'kernel events would decide',
  ],
  'end of window': [
    'Linux takes what ends beyond the window only if its receive queue is empty',
    'kernel events would decide',
  ],
  rfc1337: ['an RST ends TIME-WAIT unless net.ipv4.tcp_rfc1337 is set', 'that sysctl would decide'],
  'SYN in TIME-WAIT': [
    'Linux removes a TIME-WAIT for such a SYN if a socket listens on its port',
    'kernel events would decide',
  ],
  listener: ['a listener and a closed port reply alike', 'a SYN would decide'],
  'closed listener': [
    'the request of a listener that was closed ends with the next segment, even one that the kernel drops',
    'the socket table would decide',
  ],
  foreign: ['another process may have sent this segment in the socket’s name', 'kernel events would decide'],
  'RST before a request': [
    'some versions of Linux obey any RST in the window of a request socket',
    'kernel events would decide',
  ],
  'ICMP ignored': [
    'Linux ignores an ICMP error while connect() holds the socket',
    'kernel events would decide',
  ],
  'not delivered': [
    'a firewall of this host may have dropped a segment that arrived',
    'kernel events would decide',
  ],
  'before the capture': ['what came before the capture is not known', 'an earlier capture would decide'],
  'FIN or data': [
    'what is missing from the capture may have been a FIN, or one byte of data',
    'a capture without losses would decide',
  ],
  'out of sight': [
    'a FIN or RST of an end far from the capture may have been lost before it was seen, or its host may have vanished',
    'a capture at that end would decide',
  ],
  timer: ['a timer may have ended this state without a segment', 'kernel events would decide'],
};

/** One sentence for all doubts. `calls`: `all`, or why not all calls are known. */
export function wordsOfDoubts(doubts: readonly Doubt[], calls: 'all' | string): string {
  const all = [...new Set(doubts)].map((doubt) => DOUBTS[doubt]);
  const what = all.map(([text]) => text).join(', and ');
  const deciding = [...new Set(all.map(([, decides]) => decides))].map((decides) =>
    decides === CALLS && calls !== 'all' ? `${decides}, but ${calls}` : decides,
  );
  return [what, ...deciding].join('; ');
}
