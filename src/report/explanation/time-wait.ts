import type { StateExplanation } from './explanation.ts';
import { setting } from './words.ts';

const REUSE: Record<number, string> = {
  0: 'a local port that waits here is not used again for the same destination',
  1: 'connect() may use its port again, for the same destination,',
  2: 'connect() may use its port again on loopback only,',
};

export const timeWait: StateExplanation = {
  what: [
    'Both ends have closed. This one closed first, and remembers the pair of addresses and ports for a while: to answer ' +
      'the peer’s FIN again should our last ACK be lost, and so that late segments do not get into a new connection.',
  ],
  end: (sysctls) => [
    'After 60 s, a constant of Linux (TCP_TIMEWAIT_LEN); RFC 9293 says 4 minutes (2 MSL). No sysctl changes it. A FIN ' +
      'that comes again starts the minute anew.',
    sysctls.rfc1337
      ? `An RST does not end it sooner (${setting('rfc1337', sysctls)}).`
      : `An RST with the expected sequence number ends it sooner (${setting('rfc1337', sysctls)}; RFC 1337 tells why that is a risk).`,
    'A new SYN of the peer for the same ports, with a higher sequence number or a later timestamp, is let in at once. ' +
      `In the other direction ${REUSE[sysctls.twReuse] ?? 'connect() follows'} ` +
      `${sysctls.twReuse ? `after ${sysctls.twReuseDelayMs} ms and with timestamps ` : ''}(${setting('twReuse', sysctls)}).`,
    `When there are more than ${sysctls.maxTwBuckets} of them (net.ipv4.tcp_max_tw_buckets), further ones are ` +
      'skipped: straight to CLOSED.',
  ],
  many: [
    'Many short connections, closed by this end. On a server that is harmless: some hundred octets each, no ' +
      'descriptor, and no port is used up, for all share the server’s.',
    'On a client, or a proxy towards its backends, each one holds a local port for that destination. With the usual ' +
      '28,232 ports that is 470 connections a second to one address and port; beyond, connect() fails with ' +
      'EADDRNOTAVAIL.',
  ],
  remedy: [
    { run: "ss -tan state time-wait '( dport = :5432 )' | wc -l", does: 'how many towards one service' },
    {
      run: 'sysctl net.ipv4.ip_local_port_range',
      does: 'how many ports there are for them; wider helps at once',
    },
    {
      run: 'sysctl -w net.ipv4.tcp_tw_reuse=1',
      does: 'lets connect() take their ports again: clients and proxies only',
    },
    {
      run: 'nstat -az TcpExtTCPTimeWaitOverflow TcpExtTWRecycled',
      does: 'how many were skipped, and used again',
    },
    'In the program: keep connections and use them again (pools, HTTP keep-alive): that is the cure. Else let the other ' +
      'end close first, or use more addresses; a program that binds its source address wants IP_BIND_ADDRESS_NO_PORT, so ' +
      'that only the pair has to be unique. A server that is restarted sets SO_REUSEADDR before bind().',
  ],
  mistakes: [
    'tcp_fin_timeout does not shorten it, whatever the many guides say.',
    'tcp_tw_reuse is for connections that this machine opens. For those it accepts it does nothing.',
    'tcp_tw_recycle, which broke clients behind NAT, is gone since Linux 4.12.',
    'SO_LINGER with 0 s avoids it by an RST in place of the FIN: the peer gets ECONNRESET, and data on the way is lost.',
    'Fewer tcp_max_tw_buckets do not make it shorter: they take its protection away.',
  ],
};
