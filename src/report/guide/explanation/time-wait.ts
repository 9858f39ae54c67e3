import type { StateExplanation } from './explanation.ts';
import { setting } from './words.ts';

const REUSE: Record<number, string> = {
  0: 'connect() does not reuse a local port in TIME-WAIT for the same destination',
  1: 'connect() may reuse the port for the same destination',
  2: 'connect() may reuse the port on loopback only,',
};

export const timeWait: StateExplanation = {
  brief: 'both ends have closed, this one first; it waits 60 s',
  what: [
    'Both ends have closed, this one first. It remembers the connection (addresses and ports) for a while, for two ' +
      "reasons: to acknowledge the peer's FIN once more if the last ACK was lost, and to keep delayed segments out of a " +
      'new connection with the same ports.',
  ],
  end: (sysctls) => [
    'It ends after 60 s, a constant of Linux (TCP_TIMEWAIT_LEN) that no sysctl changes. RFC 9293 specifies 4 min (2 MSL). ' +
      'A FIN that arrives again restarts the 60 s.',
    'It can end sooner, or be skipped:',
    {
      points: [
        sysctls.rfc1337
          ? `An RST does not end it sooner (${setting('rfc1337', sysctls)}).`
          : `An RST with the expected sequence number ends it sooner (${setting('rfc1337', sysctls)}; RFC 1337 describes the risk).`,
        'A new SYN from the peer for the same ports is accepted at once, if it has a higher sequence number or a later ' +
          'timestamp.',
        `For connections from this machine, ${REUSE[sysctls.twReuse] ?? 'connect() follows'} ` +
          `${sysctls.twReuse ? `after ${sysctls.twReuseDelayMs} ms and with timestamps ` : ''}(${setting('twReuse', sysctls)}).`,
        `Beyond ${sysctls.maxTwBuckets} of them (net.ipv4.tcp_max_tw_buckets), sockets skip TIME-WAIT and are closed at ` +
          'once.',
      ],
    },
  ],
  many: [
    'This end closes many short connections. On a server that is harmless: each takes a few hundred bytes, no ' +
      "descriptor, and no port, because all share the server's.",
    'On a client, or on a proxy towards its backends, each one occupies a local port for that destination. With the ' +
      'default 28,232 ports that allows 470 connections per second to one address and port. Beyond that, connect() ' +
      'fails with EADDRNOTAVAIL.',
  ],
  remedy: [
    {
      to: 'Count them for one service:',
      run: "ss -tan state time-wait '( dport = :5432 )' | wc -l",
    },
    {
      to: 'See how many local ports there are. A wider range helps at once:',
      run: 'sysctl net.ipv4.ip_local_port_range',
    },
    {
      to: 'Let connect() reuse their ports (clients and proxies only):',
      run: 'sysctl -w net.ipv4.tcp_tw_reuse=1',
    },
    {
      to: 'Count those that were skipped, and those that were reused:',
      run: 'nstat -az TcpExtTCPTimeWaitOverflow TcpExtTWRecycled',
    },
    'Fix the program: keep connections open and reuse them (pools, HTTP keep-alive). Otherwise let the peer close first, ' +
      'or use more addresses. A program that binds its source address should set IP_BIND_ADDRESS_NO_PORT. A server ' +
      'that is restarted sets SO_REUSEADDR before bind().',
  ],
  mistakes: [
    '"tcp_fin_timeout shortens it." It does not, although many guides claim it.',
    '"tcp_tw_reuse helps a server." It applies to connections that this machine opens, not to those that it accepts.',
    '"Set tcp_tw_recycle." It broke clients behind NAT, and Linux 4.12 removed it.',
    '"SO_LINGER with 0 s is a clean way around it." It sends an RST instead of the FIN: the peer gets ECONNRESET, and data ' +
      'in flight is lost.',
    '"A lower tcp_max_tw_buckets shortens it." It does not; it removes the protection.',
  ],
};
