/**
 * What the risks and faults of docs/checked-programs.md come from, as they were confirmed by hand: by program and probe,
 * `*` for those that are alike.
 * @type {Record<string, Record<string, string>>}
 */
export const EXPLAINED = {
  '*': {
    'peer-vanishes-in-flight':
      'The retransmission timer runs, as `ss -tano` shows (`timer:(on,…)`), and nothing else: net.ipv4.tcp_retries2 = 15 stands for about a quarter of an hour. Only TCP_USER_TIMEOUT or a deadline of the program makes it shorter.',
    'syn-dropped':
      'SYNs leave after 1, 2, 3, 4, 5, 7, 11 … s, as `tcplab hold syn-sent --client …` shows; without a connect timeout the program waits as long as net.ipv4.tcp_syn_retries has it: some two minutes.',
    'never-answered':
      'The connection stands and the request is acknowledged. `ss -tano` shows no timer, or a keepalive that the server’s kernel answers: neither ends it. A deadline for the whole request does.',
    'never-accepted':
      'As when nobody answers; the row on the server has no process (`ss -tanp`), for it was never accepted. A deadline for connecting alone does not help: the connection stands.',
    'vanishes-in-answer':
      'Nothing is on its way from the client, so no retransmission finds out. With keepalive (`ss -tano`: `timer:(keepalive,…)`) it takes minutes, without it for ever.',
  },
  nginx: {
    'peer-vanishes-idle':
      '`ss -tano` shows no timer on the row. With `--within 85s` the probe sees nginx close it: keepalive_timeout is 75 s unless set. A connection that has been upgraded (WebSocket) is ruled by proxy_read_timeout, or by `listen … so_keepalive=on`.',
  },
  haproxy: {
    'peer-vanishes-idle':
      'No timer on the row; with `--within 40s` the probe sees haproxy close it after 30 s: `timeout client`, as configured here. Without that line haproxy warns at its start, and waits for ever.',
  },
  'redis-server': {
    'peer-vanishes-idle':
      '`ss -tano` shows `timer:(keepalive,4min59sec,0)`: tcp-keepalive 300 is the default. Redis sets TCP_KEEPINTVL to 100 s and TCP_KEEPCNT to 3 besides, which no table shows, so it is about 10 min in fact; the forecast has to take the sysctls.',
  },
  PostgreSQL: {
    'peer-vanishes-idle':
      'Keepalive with the system’s two hours: tcp_keepalives_idle is 0, which means that. authentication_timeout (60 s) would end this very connection, which has not logged in; one that has stays.',
    'many-connections':
      'It forks a process for each connection, and its listener has a backlog of 244 (`ss -ltn`: twice max_connections, and what is reserved); in some runs 300 SYNs at once are more than it forks for in time. Above max_connections (100) it answers with an error, which is beyond this probe.',
    stopped:
      'SIGTERM is its smart shutdown: it lets sessions end by themselves and waits for them, here for one that is idle. SIGINT (fast) ends them.',
  },
  'python3 -m http.server': {
    'many-connections':
      'Its listener has a backlog of 5 (`ss -ltn`: Send-Q), and socketserver accepts one at a time and starts a thread for each.',
    stopped: 'It has no handler for SIGTERM: the kernel ends it, and what was not yet written is never sent.',
    'keeps-time-wait':
      'It speaks HTTP/1.0 and closes after each answer, so the TIME-WAITs are at the server.',
    'peer-vanishes-in-flight':
      'It closes after the answer, so the rest is the kernel’s: an orphan in FIN-WAIT-1, by net.ipv4.tcp_orphan_retries.',
  },
  'Node’s http server': {
    'peer-vanishes-idle':
      'No timer on the row. With `--within 20s` the probe sees it close after 6 s: keepAliveTimeout is 5 s. A socket of `net` or a WebSocket has no such timeout.',
    stopped:
      'Node ends at once on SIGTERM unless the program handles it; the request had been read and not yet been answered. `server.close()` and `closeIdleConnections()` in a handler mend it.',
  },
  wget: {
    'never-answered':
      'wget’s read timeout is 900 s unless `--read-timeout` says otherwise, and then it tries again: 20 times.',
    'vanishes-in-answer':
      'No keepalive is set; its read timeout of 900 s ends it, and it tries again from there.',
    'never-accepted': 'As when nobody answers: its read timeout of 900 s.',
  },
  nc: {
    'leaves-nothing':
      'The input is over, and nc waits on: `ss -tano` shows the row in ESTABLISHED without a timer. It sends no FIN of its own unless `-N` says so.',
    'closes-before-answer':
      'netcat-openbsd ends with 0 when the peer closes: it has no notion of an answer. A script that needs one has to look at what came.',
    'resets-in-answer': 'An RST is not told from a FIN by its exit status: half an answer counts as success.',
  },
};
