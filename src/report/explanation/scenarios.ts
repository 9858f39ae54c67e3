import type { HostName } from '../../evidence/events.ts';
import { SERVER_PORT } from '../../lab/addresses.ts';
import type { Fate, Rule } from '../../lab/rule.ts';
import type { ScenarioExplanation } from './explanation.ts';

const toServer = (host: HostName, hook: Rule['hook'], fate: Fate = 'drop', sourcePort?: number) => ({
  host,
  rule: { hook, ...(sourcePort && { sourcePort }), destinationPort: SERVER_PORT, fate },
});
const fromServer = (host: HostName, hook: Rule['hook'], only: Pick<Rule, 'destinationPort'> = {}) => ({
  host,
  rule: { hook, sourcePort: SERVER_PORT, ...only, fate: 'drop' as const },
});

const HANDSHAKE = 'The server listens, the client connects, and the server accepts.';

/** By the scenario's id. A test runs each scenario and compares the rules with those that are named here. */
export const SCENARIO_EXPLANATIONS: Readonly<Record<string, ScenarioExplanation>> = {
  listen: {
    steps: [
      'The server binds its port and calls listen().',
      'A crafted SYN from the client gets a SYN-ACK, which shows that the server listens.',
    ],
    rules: [],
    peer: 'The client has no socket. Its kernel did not send the SYN, so it answers the SYN-ACK with RST.',
    remark: 'For a listener ss shows the accept queue as Recv-Q and the backlog as Send-Q.',
  },
  'syn-sent': {
    steps: [
      'The server listens.',
      'A rule on the server drops incoming segments for its port.',
      'The client connects.',
    ],
    rules: [toServer('server', 'in')],
    peer: 'A capture on the server shows every SYN, because packets are captured before the filter. Its TCP receives none.',
    remark:
      'This is how a firewall at the server that drops looks to a client: connect() hangs, and nothing comes back.',
  },
  'syn-sent-dropped-at-client': {
    steps: [
      'The server listens.',
      'A rule on the client drops its outgoing segments to that port.',
      'The client connects.',
    ],
    rules: [toServer('client', 'out')],
    peer: 'The server receives nothing: the SYNs never leave the client.',
    remark:
      'To the client this looks the same as syn-sent; a capture on the server shows the difference. A capture on the ' +
      'client shows no SYN either, because outgoing packets are captured after the filter.',
  },
  'syn-received': {
    steps: [
      'The server listens.',
      'A rule on the client drops incoming segments from that port.',
      "The client connects. The SYN-ACK reaches the client's host, but the rule drops it before TCP sees it.",
    ],
    rules: [fromServer('client', 'in')],
    peer: 'The client is in SYN-SENT and retransmits its SYN. The server answers each SYN with another SYN-ACK.',
    remark:
      'Each retransmitted SYN restarts the wait. So the request lives as long as the client tries, and ss can show more ' +
      'retransmissions than tcp_synack_retries.',
  },
  'syn-received-dropped-at-server': {
    steps: [
      'The server listens.',
      'A rule on the server drops its outgoing segments from that port.',
      'The client connects. The server makes a SYN-ACK, and the rule drops it.',
    ],
    rules: [fromServer('server', 'out')],
    peer: 'The client is in SYN-SENT and receives no reply.',
    remark:
      "The server's kernel learns at once that its SYN-ACK was not sent (EPERM), and removes the request at its first " +
      "timer, after 1 s. The client's next SYN creates a new request. While SYNs arrive every second the state is almost " +
      'continuous; later, when they are further apart, it comes and goes.',
  },
  'syn-received-simultaneous-open': {
    steps: [
      'Both ends bind a port; there is no listener.',
      'A rule on the server drops incoming segments for its port.',
      'Both connect to each other. The client is in SYN-SENT when a SYN arrives, and answers it with SYN-ACK.',
    ],
    rules: [toServer('server', 'in')],
    peer: 'The server is in SYN-SENT and receives neither SYN nor SYN-ACK.',
    remark:
      'RFC 9293, 3.5, figure 7. Here SYN-RECEIVED is a full socket with a descriptor, and tcp_syn_retries sets its time ' +
      'limit. If both SYNs arrived, both ends would become ESTABLISHED without any listener.',
  },
  'syn-received-accept-queue-full': {
    steps: [
      'The server listens with a backlog of 1 and never accepts.',
      "A client connects. A rule drops the SYN-ACK to the client's port (here 33000), and the server has a pending request.",
      'Two other clients connect and fill the accept queue. The rule is removed.',
      "The server retransmits its SYN-ACK after 1 s. The first client's ACK finds the queue full, and the kernel drops it.",
    ],
    rules: [fromServer('client', 'in', { destinationPort: 33_000 })],
    peer: 'The client is ESTABLISHED: for it the handshake is complete, and its data stays unacknowledged.',
    remark:
      'The kernel keeps the request and retransmits its SYN-ACK. If accept() makes space, the next ACK completes the ' +
      'handshake. Otherwise the request ends after tcp_synack_retries, and the client learns of it from the RST to its data. With ' +
      'tcp_abort_on_overflow = 1 the server sends an RST instead of dropping the ACK.',
  },
  'syn-received-deferred': {
    steps: [
      'The server sets TCP_DEFER_ACCEPT to 30 s and listens.',
      'The client connects and sends no data. The kernel drops the final ACK, because it carries none.',
    ],
    rules: [],
    peer: 'The client is ESTABLISHED, and the server has nothing to accept.',
    remark:
      'Apache sets this option by default. Data from the client completes the handshake at once. Without data, the kernel ' +
      'retransmits the SYN-ACK near the end of the 30 s, and the bare ACK to that completes the handshake.',
  },
  'syn-flood': {
    steps: [
      'The server listens with a small backlog and without syncookies.',
      'A rule on the client drops the RSTs with which its kernel would answer unexpected SYN-ACKs.',
      'The client sends crafted SYNs from many ports. The final ACKs never arrive.',
      'A legitimate client connects, first without and then with syncookies.',
    ],
    rules: [
      { host: 'client', rule: { hook: 'out', destinationPort: SERVER_PORT, flags: 'R', fate: 'drop' } },
    ],
    peer: 'The flood has no sockets. The legitimate client is in SYN-SENT without syncookies, and ESTABLISHED with them.',
    remark:
      'RFC 4987. With syncookies the server keeps nothing for a SYN that finds the queue full. It has no row until the ' +
      'ACK brings the cookie back.',
  },
  established: {
    steps: [HANDSHAKE, 'Both ends send data.', 'Neither end closes.'],
    rules: [],
    peer: 'The client is ESTABLISHED too.',
    remark: 'No timer runs. Without data and without keepalive this state has no timeout.',
  },
  'established-fast-open': {
    steps: [
      'Both hosts allow TCP Fast Open without a cookie (net.ipv4.tcp_fastopen).',
      'The server listens. The client connects with data, and its SYN carries it.',
      "The server's program accepts and reads the data.",
    ],
    rules: [],
    peer: 'The server is ESTABLISHED too. It could read the data before the final ACK arrived.',
    remark:
      'RFC 7413. The SYN-ACK acknowledges the data as well. On the internet a cookie is needed first, and many middleboxes ' +
      'drop a SYN with data: Linux then retransmits a plain SYN.',
  },
  'self-connect': {
    steps: [
      'The client binds a port and connects to the same port of its own address. There is no listener.',
      'The SYN passes the loopback interface and reaches the socket that sent it: a simultaneous open.',
      'The socket answers its own SYN with SYN-ACK, which also acknowledges its SYN.',
    ],
    rules: [],
    peer: 'The socket is its own peer: what it sends, it also receives. The server has no part in it.',
    remark:
      'RFC 9293, 3.5. A program that repeatedly connects to a port of its own host can connect to itself: without a listener, ' +
      'the kernel may choose that very port as the local one. connect() then succeeds, and the server can no longer bind ' +
      'the port. To avoid this, choose a port outside ip_local_port_range, or add it to ip_local_reserved_ports.',
  },
  'half-open': {
    steps: [
      HANDSHAKE,
      'Rules on the server drop all incoming segments for its port and all outgoing segments from it.',
      'The client aborts. Its RST never arrives.',
    ],
    rules: [toServer('server', 'in'), fromServer('server', 'out')],
    peer: 'The client has no socket any more, as after a crash or behind a NAT that dropped its entry.',
    remark:
      'RFC 9293, 3.5.1 calls this a half-open connection. The server notices when it sends data (tcp_retries2, ' +
      'TCP_USER_TIMEOUT) or a keepalive probe. If it sends neither, it never notices.',
  },
  'fin-wait-1': {
    steps: [
      HANDSHAKE,
      'A rule on the server drops incoming segments for its port.',
      'The client closes. Its FIN is lost, and so is every retransmission.',
    ],
    rules: [toServer('server', 'in')],
    peer: 'The server is still ESTABLISHED. A capture on it shows the FIN, but its TCP does not receive it.',
    remark:
      "The client's socket is an orphan: it has no process and inode 0, and tcp_orphan_retries sets its time limit. " +
      'Compare fin-wait-1-descriptor-open.',
  },
  'fin-wait-1-descriptor-open': {
    steps: [
      HANDSHAKE,
      'A rule on the server drops incoming segments for its port.',
      'The client shuts down its sending side, and keeps the descriptor.',
    ],
    rules: [toServer('server', 'in')],
    peer: 'The server is still ESTABLISHED.',
    remark:
      'The segments are the same as in fin-wait-1, but here tcp_retries2 sets the time limit: about 15 min by default.',
  },
  'fin-wait-1-behind-data': {
    steps: [
      HANDSHAKE,
      'The server never reads, and the client sends until the window is 0.',
      'The client closes. Its FIN has its place after the unsent data, so no FIN is sent.',
    ],
    rules: [],
    peer: 'The server is ESTABLISHED, and its Recv-Q is full. It has no sign that the client has closed.',
    remark:
      'ss shows the persist timer and a Send-Q of more than 1; a FIN that waits for its ACK counts as 1. The client is an ' +
      'orphan: the kernel sends window probes, and gives up when they are 2 min apart, or after tcp_orphan_retries ' +
      'without a reply. If the server reads, data and FIN follow.',
  },
  'close-wait': {
    steps: [HANDSHAKE, 'The client closes.', "The server's program never calls close()."],
    rules: [],
    peer: 'The client is an orphan in FIN-WAIT-2, which its kernel removes after tcp_fin_timeout. The server stays in CLOSE-WAIT.',
    remark:
      "The server's kernel answers the FIN with a plain ACK. Its own FIN follows when its program closes.",
  },
  'close-wait-never-accepted': {
    steps: [
      'The server listens and never accepts.',
      'The client connects: the kernel completes the handshake without the program.',
      'The client closes.',
    ],
    rules: [],
    peer: 'The client is in FIN-WAIT-2, as if the server had a program that accepts.',
    remark:
      'The socket is in the accept queue: it has inode 0, and ss -p shows no process, even to root. It is not an ' +
      "orphan; the listener's Recv-Q counts it.",
  },
  'close-wait-sending': {
    steps: [
      HANDSHAKE,
      'The client shuts down its sending side. The server is in CLOSE-WAIT.',
      "A rule on the client drops incoming segments from the server's port.",
      'The server sends data. The data never arrives, and is retransmitted.',
    ],
    rules: [fromServer('client', 'in')],
    peer: 'The client is in FIN-WAIT-2 and can still receive.',
    remark:
      'Here a timer runs in CLOSE-WAIT: the connection fails with ETIMEDOUT after tcp_retries2 or TCP_USER_TIMEOUT, as in ' +
      'ESTABLISHED. Compare close-wait, where nothing is in flight and no timer runs.',
  },
  'fin-wait-2': {
    steps: [
      HANDSHAKE,
      'The client shuts down its sending side, and keeps the descriptor.',
      'The server does not close.',
    ],
    rules: [],
    peer: 'The server is in CLOSE-WAIT. It may send data, and the client can still read it.',
    remark: 'No timer runs at either end. Compare fin-wait-2-orphaned.',
  },
  'fin-wait-2-orphaned': {
    steps: [HANDSHAKE, 'The client closes.', 'The server does not.'],
    rules: [],
    peer: 'The server is in CLOSE-WAIT. If it sends data now, it gets an RST, because no program can read the data.',
    remark:
      'The timer of tcp_fin_timeout runs. Up to 60 s, a small structure replaces the socket, and ss calls its timer ' +
      '"timewait".',
  },
  closing: {
    steps: [
      HANDSHAKE,
      'A rule on the server drops incoming segments for its port.',
      'The client shuts down. Its FIN is lost.',
      "The server closes. Its FIN does not acknowledge the client's FIN, which it never received.",
    ],
    rules: [toServer('server', 'in')],
    peer: "The server is in FIN-WAIT-1, and does not receive the client's ACKs either.",
    remark: 'One rule in one direction is enough. No delay is needed to make FINs cross.',
  },
  'last-ack': {
    steps: [
      HANDSHAKE,
      "A rule on the client drops incoming segments from the server's port.",
      'The client closes. The server receives the FIN and closes too. Its own FIN is lost.',
    ],
    rules: [fromServer('client', 'in')],
    peer: "The client is in FIN-WAIT-1: it has received neither the ACK of its FIN nor the server's FIN.",
    remark:
      "Both ends retransmit a FIN. The server's socket is an orphan, and tcp_orphan_retries sets its time limit.",
  },
  'last-ack-behind-data': {
    steps: [
      HANDSHAKE,
      'The client shuts down its sending side and never reads.',
      "The server sends until the client's window is 0, and closes. Its FIN has its place after the unsent data.",
    ],
    rules: [],
    peer: 'The client is in FIN-WAIT-2, and its Recv-Q is full.',
    remark:
      'No FIN is sent, although the state is LAST-ACK. The persist timer runs, and the same limits apply as in ' +
      'fin-wait-1-behind-data.',
  },
  'time-wait': {
    steps: [
      HANDSHAKE,
      'The client closes.',
      "The server closes at once. Its FIN also acknowledges the client's FIN.",
    ],
    rules: [],
    peer: 'The server has no socket any more: the end that closes second has no TIME-WAIT.',
    remark: 'Three segments close the connection instead of four, because the ACK was still delayed.',
  },
  'time-wait-four-segments': {
    steps: [
      HANDSHAKE,
      'The client closes, and the server acknowledges.',
      'When the client is in FIN-WAIT-2, the server closes.',
    ],
    rules: [],
    peer: 'The server has no socket any more.',
    remark: 'These are the four segments of the textbooks: FIN, ACK, FIN, ACK.',
  },
  'time-wait-both': {
    steps: [
      HANDSHAKE,
      'A rule on the server drops incoming segments for its port.',
      'The client shuts down, and the server closes. The client is in CLOSING.',
      "The rule is removed. The client's retransmitted FIN takes both ends to TIME-WAIT.",
    ],
    rules: [toServer('server', 'in')],
    peer: 'The server is in TIME-WAIT too.',
    remark: 'After a simultaneous close both ends wait, because both closed first.',
  },
  'time-wait-reused': {
    steps: [
      HANDSHAKE,
      'The server closes first, then the client. The server is in TIME-WAIT.',
      'The client connects again, from the same port.',
    ],
    rules: [],
    peer: 'The client is ESTABLISHED: the end that closed second may use its port again at once.',
    remark:
      'Linux accepts the SYN if its timestamp, or its sequence number, is beyond those of the old connection. No sysctl is ' +
      'needed: tcp_tw_reuse is about an end that connects from a port which is in TIME-WAIT at its own host.',
  },
  'closed-refused': {
    steps: ['The server has no listener.', "The client connects. The server's kernel replies with RST."],
    rules: [],
    peer: 'The server has no socket, and creates none for a SYN that it refuses.',
    remark: 'connect() fails with ECONNREFUSED after one round trip.',
  },
  'closed-rejected-rst': {
    steps: [
      'The server listens.',
      'A rule on the server answers SYNs for its port with RST.',
      'The client connects.',
    ],
    rules: [toServer('server', 'in', 'reject with RST')],
    peer: "The server's listener receives nothing.",
    remark: 'To the client this looks the same as a port without a listener: ECONNREFUSED.',
  },
  'closed-rejected-icmp': {
    steps: [
      'The server listens.',
      'Rules on the server answer the SYNs of three clients (here ports 33000 to 33002) with three ICMP errors.',
      'Three clients connect. tcplab records the errno and the time of each.',
    ],
    rules: [
      toServer('server', 'in', 'reject with port unreachable', 33_000),
      toServer('server', 'in', 'reject with host unreachable', 33_001),
      toServer('server', 'in', 'reject with administratively prohibited', 33_002),
    ],
    peer: "The server's listener receives nothing.",
    remark:
      'If an ICMP error arrives while the connect() call is still executing, Linux only records it, and the next SYN, ' +
      '1 s later, brings it again. On one machine that would always happen. So tcplab delays the SYNs until the calls ' +
      'have returned, as on a real network.',
  },
  bound: {
    steps: [
      'The client binds a port and does not connect.',
      'A crafted SYN from the server gets an RST, which shows that the port does not listen.',
    ],
    rules: [],
    peer: 'The server has no socket. Its crafted SYN is answered with RST.',
    remark:
      'In terms of the RFC there is no connection. Since Linux 6.8 the kernel lists such sockets on request (ss -taB). ' +
      'They occupy their port.',
  },
  'accept-queue-full': {
    steps: [
      'The server listens with a backlog of 0 and never accepts.',
      'A first client connects and fills the queue. It is ESTABLISHED.',
      'A second client connects. The kernel drops its SYNs.',
    ],
    rules: [],
    peer: "The server's listener has Recv-Q 1 and Send-Q 0, and the kernel counts ListenOverflows and ListenDrops.",
    remark:
      'To the client this looks like a firewall that drops. tcp_abort_on_overflow does not send an RST here: it is for ' +
      'final ACKs that find the queue full, and these are SYNs.',
  },
  'zero-window': {
    steps: [
      HANDSHAKE,
      'The server never reads.',
      "The client sends until the server's window is 0, and then sends window probes.",
    ],
    rules: [],
    peer: 'The server is ESTABLISHED, and its Recv-Q is full. It answers each probe with an ACK of window 0.',
    remark: 'RFC 9293, 3.8.6.1. While the server replies there is no timeout; TCP_USER_TIMEOUT adds one.',
  },
};
