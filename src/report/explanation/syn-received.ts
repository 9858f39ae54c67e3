import { schedule } from '../../tcp/timers.ts';
import type { StateExplanation } from './explanation.ts';
import { end, setting, times } from './words.ts';

export const synReceived: StateExplanation = {
  what: [
    'A SYN has come and has been answered with SYN-ACK; the ACK that completes the handshake is missing. Linux keeps a ' +
      'small request for it, without inode and without process. Only in a simultaneous open, where both ends ' +
      'connect, is it a whole socket.',
  ],
  end: (sysctls) => {
    const synAck = schedule('SYN-ACK', sysctls);
    const both = schedule('SYN-ACK of a simultaneous open', sysctls);
    const again = synAck.offsetsMs.length
      ? `is sent again after about ${times(synAck)}, and the request is forgotten`
      : 'is not sent again, and the request is forgotten';
    return [
      `Without the ACK the SYN-ACK ${again} ${end(synAck)} (${setting('synackRetries', sysctls)}). A SYN that the ` +
        'client repeats is answered at once and starts the wait anew, so the table can show more retransmissions than ' +
        'the sysctl allows. When more than half the backlog is half-open, the old ones get fewer retries.',
      `In a simultaneous open it is given up ${end(both)} (${setting('synRetries', sysctls)}, without linear timeouts).`,
    ];
  },
  many: [
    'A SYN flood, if the addresses are many and none ever comes back. Otherwise the handshake loses its third segment: ' +
      'routes that differ by direction and a firewall that saw only one, SYN-ACKs that do not get back, or an accept ' +
      'queue that is full, so that the final ACKs are ignored while the clients are ESTABLISHED already.',
  ],
  remedy: [
    { run: 'ss -tan state syn-recv', does: 'how many, for which port, from where' },
    { run: 'ss -ltn', does: 'Recv-Q greater than Send-Q: the accept queue is full, and it is no flood' },
    {
      run: 'nstat -az TcpExtSyncookiesSent TcpExtTCPReqQFullDoCookies TcpExtListenOverflows',
      does: 'whether syncookies are at work, and whether accept queues ran over',
    },
    {
      run: 'sysctl -w net.ipv4.tcp_synack_retries=2',
      does: 'forgets them after 7 s; slow clients are lost too',
    },
    'Leave syncookies at 1: they cost nothing until a queue is full. In front of the server, SYNPROXY ' +
      '(nft or iptables) or a load balancer completes handshakes in its place.',
  ],
  mistakes: [
    'For a SYN that was answered with a syncookie there is nothing in the table: until the ACK brings the cookie back ' +
      'the server has no row, while the client is ESTABLISHED already.',
    'The request outlives its listener: it goes at its next timer, not at close().',
    'With TCP_DEFER_ACCEPT a client that completes the handshake and sends nothing stays here on purpose.',
    'An RST takes a request away. In a simultaneous open it gives CLOSED: there is no LISTEN to return to.',
  ],
};
