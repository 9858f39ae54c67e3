import type { StateExplanation } from './explanation.ts';

export const closed: StateExplanation = {
  what: [
    'No connection at all; RFC 9293 calls the state fictional, since there is nothing to remember. On Linux a socket ' +
      'is in it before connect() or listen(), and again when its connection is over and its descriptor still open.',
  ],
  end: () => [
    'Nothing ends it by itself and no timer runs. A program leaves it with listen() or connect(), or closes the ' +
      'descriptor; then not even the socket is left.',
  ],
  many: [
    'Sockets in CLOSED that pile up are descriptors: their connections were reset or timed out, the program was told ' +
      'so by an error, and it never called close(). They count against RLIMIT_NOFILE until accept() and open() fail ' +
      'with EMFILE.',
    'If it is connections that end up here at once, the errno of connect() says who refused:',
    {
      points: [
        'ECONNREFUSED: an RST, or ICMP port unreachable. Nobody listens, or a firewall says so.',
        'EHOSTUNREACH: ICMP host unreachable or administratively prohibited (with IPv6 the latter is EACCES), or no ' +
          'neighbour answers.',
        'ENETUNREACH: there is no route, here or at a router that says so.',
        'ETIMEDOUT: nobody answered at all; see SYN-SENT.',
        'EADDRNOTAVAIL: no local port is free for this destination; see TIME-WAIT.',
      ],
    },
  ],
  remedy: [
    {
      run: 'ls -l /proc/PID/fd | grep -c socket:',
      does: 'how many sockets a program holds, in whatever state',
    },
    {
      run: 'ss -tanp | grep -c pid=PID,',
      does: 'how many of them are in a state that ss lists; the rest are unused or over',
    },
    {
      run: 'strace -f -e trace=connect,close -p PID',
      does: 'which errno its connects give, and whether it closes',
    },
    'ss lists a socket that is bound and not connected only from Linux 6.8 on (and iproute2 6.8, option -B). It ' +
      'keeps others off its port all the same: EADDRINUSE with nothing to be seen.',
  ],
  mistakes: [
    '“Connection refused” is not what a firewall that drops looks like: it is an answer. Silence is ETIMEDOUT.',
    'A connection that ended with an error is not cleaned up by the kernel: the descriptor stays until close().',
    'An ICMP error ends only an attempt to connect. On an ESTABLISHED connection Linux takes it for a hint and goes on ' +
      '(RFC 9293, 3.9.2.2; RFC 5461).',
  ],
};
