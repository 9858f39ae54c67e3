/**
 * The causes of the risks and faults in docs/checked-programs.md, each confirmed once with ss: by program and test, with `*`
 * for causes that several programs share.
 * @type {Record<string, Record<string, string>>}
 */
export const EXPLAINED = {
  '*': {
    'peer-vanishes-in-flight':
      '`ss -tano` shows the retransmission timer (`timer:(on,...)`) and no other. The limit net.ipv4.tcp_retries2 = 15 amounts to about 15 min. Only TCP_USER_TIMEOUT or a timeout in the program makes it shorter.',
    'syn-dropped':
      'The kernel sends SYNs after 1, 2, 3, 4, 5, 7, 11 s and so on, as `tcplab hold syn-sent --client CMD` shows. Without a connect timeout the program waits until the limit of net.ipv4.tcp_syn_retries, about two minutes.',
    'never-answered':
      "The connection is established and the request is acknowledged. `ss -tano` shows no timer, or a keepalive timer whose probes the server's kernel acknowledges. Neither ends the wait. A timeout for the whole request does.",
    'never-accepted':
      "Same as never-answered. On the server, `ss -tanp` shows no process for the connection because it was never accepted. A connect timeout does not help: from the client's point of view the connection is established.",
    'vanishes-in-answer':
      'The client has nothing in flight, so no retransmission fails. With keepalive (`ss -tano`: `timer:(keepalive,...)`) it takes minutes until the client sees an error. Without keepalive it waits forever.',
  },
  nginx: {
    'peer-vanishes-idle':
      '`ss -tano` shows no timer for the connection. With `--within 85s` nginx closes it: keepalive_timeout is 75 s by default. For an upgraded connection (WebSocket), proxy_read_timeout or `listen ... so_keepalive=on` applies.',
  },
  haproxy: {
    'peer-vanishes-idle':
      '`ss -tano` shows no timer. With `--within 40s` haproxy closes the connection after 30 s, the `timeout client` that is configured here. Without that line haproxy warns when it starts, and waits forever.',
  },
  'redis-server': {
    'peer-vanishes-idle':
      '`ss -tano` shows `timer:(keepalive,4min59sec,0)`: tcp-keepalive 300 is the default. Redis also sets TCP_KEEPINTVL to 100 s and TCP_KEEPCNT to 3, so the actual limit is about 10 min. No table shows these options, so tcplab computes the time from the sysctls.',
  },
  PostgreSQL: {
    'peer-vanishes-idle':
      "Keepalive is set with the system's default of two hours, because tcp_keepalives_idle is 0. This connection has not logged in, so authentication_timeout (60 s) would close it. A connection that has logged in stays open.",
    'many-connections':
      'PostgreSQL forks a process for each connection, and its listener has a backlog of 244 (`ss -ltn`: twice max_connections, plus the reserved ones). In some runs 300 SYNs at once arrive faster than it forks. Above max_connections (100) it responds with an error, which this test does not cover.',
    stopped:
      'SIGTERM is the smart shutdown of PostgreSQL: it waits until the clients end their sessions, here for an idle one. SIGINT (fast shutdown) ends the sessions.',
  },
  'python3 -m http.server': {
    'many-connections':
      'The listener has a backlog of 5 (`ss -ltn`: Send-Q). socketserver accepts one connection at a time and starts a thread for each.',
    stopped:
      'The program has no handler for SIGTERM, so the kernel kills it. A response that was not written yet is never sent.',
    'keeps-time-wait':
      'It uses HTTP/1.0 and closes after each response, so the TIME-WAIT sockets are at the server.',
    'peer-vanishes-in-flight':
      'It closes after the response. The socket is then orphaned in FIN-WAIT-1, and net.ipv4.tcp_orphan_retries sets the limit.',
  },
  "Node's http server": {
    'peer-vanishes-idle':
      '`ss -tano` shows no timer. With `--within 20s` Node closes the connection after 6 s: keepAliveTimeout is 5 s. A socket of `net` or a WebSocket has no such timeout.',
    stopped:
      'Node exits at once on SIGTERM unless the program handles it. The request had been read, but the response was not sent yet. To fix it, call `server.close()` and `closeIdleConnections()` in a handler.',
  },
  wget: {
    'never-answered':
      'The read timeout of wget is 900 s by default (`--read-timeout`). After it, wget retries, 20 times by default.',
    'vanishes-in-answer':
      'wget sets no keepalive. Its read timeout of 900 s ends the wait, and wget retries from there.',
    'never-accepted': 'Same as never-answered: the read timeout is 900 s.',
  },
  nc: {
    'leaves-nothing':
      'The input has ended, but nc keeps waiting: `ss -tano` shows the connection in ESTABLISHED without a timer. nc sends no FIN of its own without `-N`.',
    'closes-before-answer':
      'netcat-openbsd exits with status 0 when the peer closes, because it does not know what a complete response is. A script has to check the data.',
    'resets-in-answer':
      'The exit status does not distinguish an RST from a FIN, so a truncated response counts as success.',
  },
};
