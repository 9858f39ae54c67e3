/**
 * How each risk and fault was confirmed without tcplab, and what follows from it: by program and test; under `*` by test and
 * code, for causes that several programs share.
 * @type {Record<string, Record<string, string>>}
 */
export const CAUSES = {
  '*': {
    'stopped answer-cut':
      'Confirmed by a script that sends a request without its last byte, then SIGTERM, then that byte: it reads the end of the connection and no response.',
    'idle-timeout shorter-than-proxies':
      'Confirmed by a script that waits for the FIN on an idle connection. A proxy in front must close sooner.',
    'many-connections limit':
      'Confirmed with `ss -Htanp`: as many connections have a process, and the others wait in the accept queue (`ss -Hltn`).',
    'many-connections overflow':
      'Confirmed with `ss -Hltn`, which shows the backlog, and `nstat -az TcpExtListenOverflows`, with 300 connections of a script.',
    'reload queued-lost':
      'Confirmed by a script with two copies on one port: it stops the first one, connects 16 clients, and sends SIGTERM and SIGCONT: those that waited get RST. A reload that passes the listener on is another way of starting the program.',
    'too-many spins':
      'Confirmed with `ulimit -n 40` and 60 connections: /proc/PID/stat counts a whole second of processor time in each second.',
    'drains answer-cut':
      'It is what `stopped` reports, and was confirmed with it: the request in progress reads the end of the connection.',
    'fin-crosses-request not-repeated':
      'Confirmed by a script that resets the connection at the second request: the client reports the error and does not connect again.',
    'first-address-refuses gave-up':
      'Confirmed with `strace -f -e trace=connect` and a name that has two addresses in /etc/hosts: the second one is never tried.',
    'first-address-unreachable gave-up':
      'Confirmed with `strace -f -e trace=connect`, where an nftables rule rejects the first address with ICMP host unreachable: the second one is never tried.',
  },
  nginx: {
    stopped:
      'Confirmed by a script that sends a request without its last byte, then SIGTERM, then that byte. With SIGQUIT, which nginx documents as the graceful shutdown, the same script reads the whole response: use `--stop-signal SIGQUIT`.',
    'idle-timeout': 'It is the default of keepalive_timeout, 75 s.',
  },
  caddy: {
    drains:
      'Confirmed with the script of `reload`: clients in the accept queue of the copy that ends get RST. Go accepts what is queued, or closes first, as it happens.',
  },
  Apache: {
    'many-connections':
      'Confirmed with 300 connections of a script and `ss -Hltn`: the accept queue holds 91 of them for one second and 18 for two. The event MPM starts one process more each second.',
    'idle-timeout': 'Confirmed in the configuration that Debian ships: `KeepAliveTimeout 5`.',
    stopped:
      'Confirmed by the same script as for nginx, which reads an RST. apachectl documents SIGTERM as stopping at once, and SIGWINCH as graceful: use `--stop-signal SIGWINCH`.',
    drains:
      'Confirmed by a script that connects after SIGTERM: until the process has ended, connect() succeeds and no response arrives.',
  },
  haproxy: {
    'idle-timeout': 'It is the `timeout client 30s` of the configuration.',
    stopped:
      'Confirmed by the same script as for nginx. haproxy documents SIGTERM as stopping at once, and SIGUSR1 as graceful: use `--stop-signal SIGUSR1`.',
  },
  uvicorn: {
    stopped:
      'Confirmed by the script. uvicorn waits for requests that it has read completely, and closes a connection on which one is still arriving.',
  },
  'gunicorn (sync)': {
    'slow-clients':
      'Confirmed by a script: one connection sends the first byte of a request, and a second client gets no response. The documentation of gunicorn requires a buffering proxy before sync workers for this reason.',
    drains:
      'Confirmed by a script that connects after SIGTERM: the connection is established, but the one worker no longer accepts.',
    'keeps-time-wait': 'Confirmed with `ss -tan state time-wait`: a sync worker closes after each response.',
  },
  'Java com.sun.net.httpserver': {
    'peer-stops-reading':
      'Without setExecutor() the dispatcher thread itself runs the handler. See slow-clients.',
    'slow-clients':
      'Confirmed by a script: one connection sends the first byte of a request, and a second client gets no response. Without setExecutor() one thread serves all connections.',
    'too-many':
      'Confirmed with `ulimit -n 40` and 60 connections. The thread HTTP-Dispatcher dies of an error, and the process exits.',
    drains: 'The JVM has no handler for SIGTERM that waits for anything: it exits with all connections.',
  },
  PostgreSQL: {
    stopped:
      'It is documented: SIGTERM is the smart shutdown, which waits until the clients end their sessions. SIGINT (fast shutdown) ends the sessions: use `--stop-signal SIGINT`.',
  },
  'python3 -m http.server': {
    'keeps-time-wait':
      'Confirmed with `ss -tan state time-wait`: it uses HTTP/1.0 and closes after each response.',
  },
  puma: {
    'peer-half-closes':
      'Confirmed by a script that sends a request and then its FIN: 19 of 20 connections end without a response.',
    drains:
      'A race that two of four runs of the test lost: puma either accepts the queue first or closes its listener. A script that holds the process with SIGSTOP read the response each time.',
  },
  WEBrick: {
    drains:
      'Confirmed by a script that connects while SIGSTOP holds the process, then sends SIGTERM and SIGCONT: it reads an RST.',
  },
  'php -S': {
    'keeps-time-wait': 'Confirmed with `ss -tan state time-wait`: it closes after each response.',
  },
  nc: {
    'closes-before-answer':
      'Confirmed by a script that closes after the request: netcat-openbsd exits with status 0, because it does not know what a complete response is. Check the data.',
    'resets-in-answer':
      'Confirmed by a script that resets after three bytes: the exit status is 0, so a truncated response counts as success.',
  },
};

/** What could not be tested, and why. */
export const NOT_CHECKED = [
  '`ws` as a client: the response to its upgrade depends on a random key, and `--answer` is one text.',
  'SSH clients beyond the first packets: tcplab plays no key exchange, so all tests that need a served client are left out.',
  'Python packages that Debian does not have, and Go modules: only the registries of Debian and npm were in reach.',
  'The connections of PostgreSQL, MariaDB and sshd after the login: tcplab asks these servers only for their answer to a login.',
];
