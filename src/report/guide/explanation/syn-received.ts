import { schedule } from '../../../tcp/timers.ts';
import type { StateExplanation } from './explanation.ts';
import { endBy, setting, times } from './words.ts';

export const synReceived: StateExplanation = {
  brief: 'the SYN-ACK is sent; its ACK is missing',
  what: [
    'A SYN has arrived, and this end has replied with SYN-ACK. The ACK that completes the handshake has not arrived yet. ' +
      'Linux keeps a small request for it in the SYN queue, without inode and without process. Only in a simultaneous ' +
      'open, where both ends call connect(), is it a full socket.',
  ],
  end: (sysctls) => {
    const synAck = schedule('SYN-ACK', sysctls);
    const both = schedule('SYN-ACK of a simultaneous open', sysctls);
    const retransmitted = synAck.offsetsMs.length
      ? `retransmits the SYN-ACK after about ${times(synAck)}, and removes`
      : 'does not retransmit the SYN-ACK, and removes';
    return [
      {
        points: [
          `Without the ACK the kernel ${retransmitted} the request ` +
            `${endBy(synAck, setting('synackRetries', sysctls))}. Every SYN that the client retransmits gets a SYN-ACK at once and ` +
            'restarts the wait. So ss can show more retransmissions than the sysctl allows.',
          ...(synAck.offsetsMs.length
            ? [
                'The waits double, from 1 s on. The sum is a little more than it looks (64 s, not 63 s, for 5 retransmissions), ' +
                  'because the kernel rounds long timers up: its timer wheel is up to an eighth late.',
              ]
            : []),
          'A final ACK that finds the accept queue full is dropped, and so is one without data if the listener has ' +
            'TCP_DEFER_ACCEPT. The client is ESTABLISHED then.',
          'When more than half of the backlog is in SYN-RECEIVED, old requests get fewer retransmissions.',
          'In a simultaneous open the kernel gives up ' +
            `${endBy(both, `${setting('synRetries', sysctls)}, without linear timeouts`)}.`,
        ],
      },
    ];
  },
  many: [
    'It is a SYN flood if there are many source addresses and none completes the handshake.',
    'Otherwise the third segment of the handshake is lost. Routes differ by direction and a firewall sees only one. Or ' +
      'the SYN-ACKs do not reach the clients. Or the accept queue is full: the kernel then ignores the final ACKs, ' +
      'while the clients are already ESTABLISHED.',
  ],
  remedy: [
    { to: 'See how many there are, for which port, from which address:', run: 'ss -tan state syn-recv' },
    {
      to: 'Check the accept queue:',
      run: 'ss -ltn',
      note: 'Recv-Q greater than Send-Q: the accept queue is full. This is not a flood.',
    },
    {
      to: 'See whether syncookies are in use, and whether accept queues overflowed:',
      run: 'nstat -az TcpExtSyncookiesSent TcpExtTCPReqQFullDoCookies TcpExtListenOverflows',
    },
    {
      to: 'Remove requests after about 7 s. This also loses slow clients:',
      run: 'sysctl -w net.ipv4.tcp_synack_retries=2',
    },
    'Leave syncookies at 1: they cost nothing until a queue is full. In front of the server, SYNPROXY (nft or iptables) ' +
      'or a load balancer can complete handshakes in its place.',
  ],
  mistakes: [
    '"Every pending handshake has a row." A SYN that was answered with a syncookie has none. Until the ACK brings the ' +
      'cookie back the server has no row, although the client is already ESTABLISHED.',
    '"Closing the listener removes its requests." Each one stays until its next timer.',
    '"A client that has completed the handshake is never here." With TCP_DEFER_ACCEPT it stays here until it sends data.',
    '"An RST always leads back to LISTEN." It removes a request. After a simultaneous open it leads to CLOSED, because ' +
      'there is no listener.',
  ],
};
