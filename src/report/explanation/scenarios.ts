import type { HostName } from '../../evidence/events.ts';
import { SERVER_PORT } from '../../lab/addresses.ts';
import type { Fate, Rule } from '../../lab/rule.ts';
import type { ScenarioExplanation } from './explanation.ts';

const toServer = (host: HostName, hook: Rule['hook'], fate: Fate = 'drop') => ({
  host,
  rule: { hook, destinationPort: SERVER_PORT, fate },
});
const fromServer = (host: HostName, hook: Rule['hook']) => ({
  host,
  rule: { hook, sourcePort: SERVER_PORT, fate: 'drop' as const },
});

const HANDSHAKE = 'The server listens, the client connects, and the server accepts.';

/** By the scenario's id. A test runs each scenario and finds the rules that are named here. */
export const SCENARIO_EXPLANATIONS: Readonly<Record<string, ScenarioExplanation>> = {
  listen: {
    steps: [
      'The server binds its port and calls listen().',
      'A crafted SYN from the client shows that it does.',
    ],
    rules: [],
    peer: 'It has no socket. To the SYN-ACK, of which it knows nothing, its kernel answers with RST.',
    remark: 'For a listener ss shows the accept queue as Recv-Q and the backlog as Send-Q.',
  },
  'syn-sent': {
    steps: [
      'The server listens.',
      'A rule of the server drops what comes for its port.',
      'The client connects.',
    ],
    rules: [toServer('server', 'in')],
    peer: 'Its capture sees every SYN, since packets are captured before the filter; its TCP sees none.',
    remark:
      'The usual picture of a firewall at the server that drops: connect() hangs, and nothing comes back.',
  },
  'syn-sent-dropped-at-client': {
    steps: [
      'The server listens.',
      'A rule of the client drops what it sends to that port.',
      'The client connects.',
    ],
    rules: [toServer('client', 'out')],
    peer: 'Nothing at all: the SYNs never get onto the wire.',
    remark:
      'The client can’t tell it from syn-sent; a capture at the server can. A capture at the client sees no SYN either, ' +
      'since what is sent is captured after the filter.',
  },
  'syn-received': {
    steps: [
      'The server listens.',
      'A rule of the client drops what comes from that port.',
      'The client connects; the SYN-ACK arrives, and its TCP is not given it.',
    ],
    rules: [fromServer('client', 'in')],
    peer: 'It is in SYN-SENT and repeats its SYN, which the server answers with another SYN-ACK each time.',
    remark:
      'Each repeated SYN puts the end off: the request lives as long as the client tries, and can show more ' +
      'retransmissions than tcp_synack_retries.',
  },
  'syn-received-dropped-at-server': {
    steps: [
      'The server listens.',
      'A rule of the server drops what it sends from that port.',
      'The client connects; the SYN-ACK is made and dropped.',
    ],
    rules: [fromServer('server', 'out')],
    peer: 'It is in SYN-SENT and sees nothing come back.',
    remark:
      'The server’s kernel is told at once that its SYN-ACK was not sent (EPERM), and drops the request at its first ' +
      'timer, after 1 s. The client’s next SYN makes a new one: with linear SYN timeouts the state hardly blinks, and ' +
      'later, when SYNs are further apart than a second, it comes and goes.',
  },
  'syn-received-simultaneous-open': {
    steps: [
      'Nobody listens: both ends bind a port.',
      'A rule of the server drops what comes for its port.',
      'Both connect to each other. The client is in SYN-SENT when a SYN comes, and answers it with SYN-ACK.',
    ],
    rules: [toServer('server', 'in')],
    peer: 'It is in SYN-SENT, and hears neither SYN nor SYN-ACK.',
    remark:
      'RFC 9293, 3.5, figure 7. Here SYN-RECEIVED is a whole socket with a descriptor, ruled by tcp_syn_retries. Did ' +
      'both SYNs arrive, both ends would be ESTABLISHED, with no server at all.',
  },
  'syn-flood': {
    steps: [
      'The server listens with a small backlog and without syncookies.',
      'A rule of the client drops the RSTs with which its kernel would answer unexpected SYN-ACKs.',
      'Crafted SYNs from many ports of the client; the final ACKs never come.',
      'A client that means it connects, first without and then with syncookies.',
    ],
    rules: [
      { host: 'client', rule: { hook: 'out', destinationPort: SERVER_PORT, flags: 'R', fate: 'drop' } },
    ],
    peer: 'The flood has no sockets. The honest client is in SYN-SENT without syncookies, and ESTABLISHED with them.',
    remark:
      'RFC 4987. With syncookies the server keeps nothing for a SYN that finds the queue full: it has no row until the ' +
      'ACK brings the cookie back.',
  },
  established: {
    steps: [HANDSHAKE, 'Data goes both ways.', 'Neither end closes.'],
    rules: [],
    peer: 'It is ESTABLISHED too.',
    remark: 'No timer runs. Without data and without keepalive it would stay so for ever.',
  },
  'half-open': {
    steps: [
      HANDSHAKE,
      'Rules of the server drop all that comes in for its port, and all that goes out from it.',
      'The client aborts; its RST never arrives.',
    ],
    rules: [toServer('server', 'in'), fromServer('server', 'out')],
    peer: 'It has no socket any more, as after a crash or behind a NAT that has forgotten the connection.',
    remark:
      'RFC 9293, 3.5.1. The server finds out when it sends (tcp_retries2, TCP_USER_TIMEOUT) or by keepalive, and if it ' +
      'does neither, never.',
  },
  'fin-wait-1': {
    steps: [
      HANDSHAKE,
      'A rule of the server drops what comes for its port.',
      'The client closes: its FIN is lost, and so is each repetition.',
    ],
    rules: [toServer('server', 'in')],
    peer: 'It is ESTABLISHED and unaware: the FIN shows in its capture, and its TCP was not given it.',
    remark:
      'The client’s socket is an orphan: no process, inode 0, ruled by tcp_orphan_retries. Compare ' +
      'fin-wait-1-descriptor-open.',
  },
  'fin-wait-1-descriptor-open': {
    steps: [
      HANDSHAKE,
      'A rule of the server drops what comes for its port.',
      'The client shuts down its sending side, and keeps the descriptor.',
    ],
    rules: [toServer('server', 'in')],
    peer: 'It is ESTABLISHED and unaware.',
    remark:
      'Looks like fin-wait-1 on the wire, but tcp_retries2 rules it: a quarter of an hour with the defaults.',
  },
  'close-wait': {
    steps: [HANDSHAKE, 'The client closes.', 'The server’s program does nothing about it.'],
    rules: [],
    peer: 'It is in FIN-WAIT-2, an orphan, and gone after tcp_fin_timeout. The server stays.',
    remark: 'The server’s kernel answers the FIN with a bare ACK: its own FIN waits for its program.',
  },
  'close-wait-never-accepted': {
    steps: [
      'The server listens and never accepts.',
      'The client connects: the handshake is finished without the program.',
      'The client closes.',
    ],
    rules: [],
    peer: 'It is in FIN-WAIT-2, as if a program had been there.',
    remark:
      'The socket sits in the accept queue: inode 0, and ss -p shows no process. It is no orphan; its listener’s Recv-Q ' +
      'counts it.',
  },
  'fin-wait-2': {
    steps: [
      HANDSHAKE,
      'The client shuts down its sending side, and keeps the descriptor.',
      'The server does not close.',
    ],
    rules: [],
    peer: 'It is in CLOSE-WAIT, and may send: the client can still read.',
    remark: 'No timer runs at either end. Compare fin-wait-2-orphaned.',
  },
  'fin-wait-2-orphaned': {
    steps: [HANDSHAKE, 'The client closes.', 'The server does not.'],
    rules: [],
    peer: 'It is in CLOSE-WAIT. If it sends now, it gets an RST: nobody is left to read.',
    remark:
      'tcp_fin_timeout runs. Up to 60 s a small socket takes the place of the whole one, and ss calls its timer “timewait”.',
  },
  closing: {
    steps: [
      HANDSHAKE,
      'A rule of the server drops what comes for its port.',
      'The client shuts down: its FIN is lost.',
      'The server closes. Its FIN does not acknowledge the client’s, which it never saw.',
    ],
    rules: [toServer('server', 'in')],
    peer: 'It is in FIN-WAIT-1, and does not hear the client’s ACKs either.',
    remark: 'One rule in one direction is enough; no delay is needed to make FINs cross.',
  },
  'last-ack': {
    steps: [
      HANDSHAKE,
      'A rule of the client drops what comes from the server’s port.',
      'The client closes; the server is told, and closes too. Its FIN is lost.',
    ],
    rules: [fromServer('client', 'in')],
    peer: 'It is in FIN-WAIT-1: neither the ACK of its FIN nor the server’s FIN has been given to it.',
    remark: 'Both ends retransmit a FIN. The server’s is an orphan, ruled by tcp_orphan_retries.',
  },
  'time-wait': {
    steps: [
      HANDSHAKE,
      'The client closes.',
      'The server closes at once: its FIN also acknowledges the client’s.',
    ],
    rules: [],
    peer: 'It has no socket any more: whoever closes second has no TIME-WAIT.',
    remark: 'Three segments instead of four, where the ACK was still delayed.',
  },
  'time-wait-four-segments': {
    steps: [
      HANDSHAKE,
      'The client closes; the server acknowledges.',
      'When the client is in FIN-WAIT-2, the server closes.',
    ],
    rules: [],
    peer: 'It has no socket any more.',
    remark: 'The four segments of the textbooks: FIN, ACK, FIN, ACK.',
  },
  'time-wait-both': {
    steps: [
      HANDSHAKE,
      'A rule of the server drops what comes for its port.',
      'The client shuts down, and the server closes: the client is in CLOSING.',
      'The rule is lifted. The client’s FIN, sent again, ends it for both.',
    ],
    rules: [toServer('server', 'in')],
    peer: 'It is in TIME-WAIT too.',
    remark: 'After a simultaneous close both ends closed first, so both have to wait.',
  },
  'closed-refused': {
    steps: ['Nobody listens.', 'The client connects; the server’s kernel answers with RST.'],
    rules: [],
    peer: 'It has no socket, and makes none for a SYN that it refuses.',
    remark: 'connect() fails with ECONNREFUSED after one round trip.',
  },
  'closed-rejected-rst': {
    steps: [
      'The server listens.',
      'A rule of the server answers SYNs for its port with RST.',
      'The client connects.',
    ],
    rules: [toServer('server', 'in', 'reject with RST')],
    peer: 'Its listener never hears of it.',
    remark: 'To the client it is the same as a port on which nobody listens: ECONNREFUSED.',
  },
  'closed-rejected-icmp': {
    steps: [
      'The server listens.',
      'Rules of the server answer the SYNs of three clients with three ICMP errors.',
      'Three clients connect. The errno and the time of each is noted.',
    ],
    rules: [
      toServer('server', 'in', 'reject with port unreachable'),
      toServer('server', 'in', 'reject with host unreachable'),
      toServer('server', 'in', 'reject with administratively prohibited'),
    ],
    peer: 'Its listener never hears of them.',
    remark:
      'An ICMP error that comes while connect() itself is still running in the kernel is only noted; the next SYN, a ' +
      'second later, brings it again. So here the SYNs wait until the calls have returned, as they do on a real network.',
  },
  bound: {
    steps: [
      'The client binds a port and does not connect.',
      'A crafted SYN from the server shows that nobody is there.',
    ],
    rules: [],
    peer: 'It has no socket, and its SYN is answered with RST.',
    remark:
      'To the RFC there is no connection. Linux lists such sockets when asked to, since 6.8; they hold their port.',
  },
  'accept-queue-full': {
    steps: [
      'The server listens with a backlog of 0 and never accepts.',
      'A first client connects and fills the queue: it is ESTABLISHED.',
      'A second client connects; its SYNs are dropped.',
    ],
    rules: [],
    peer: 'Its listener has Recv-Q 1 over Send-Q 0, and counts ListenOverflows and ListenDrops.',
    remark:
      'To the client it looks like a firewall that drops. No RST is sent: tcp_abort_on_overflow is for final ACKs that ' +
      'find the queue full, and these are SYNs.',
  },
  'zero-window': {
    steps: [
      HANDSHAKE,
      'The server never reads.',
      'The client sends until the server’s window is 0, and goes on trying.',
    ],
    rules: [],
    peer: 'It is ESTABLISHED, its Recv-Q is full, and it answers each probe with an ACK that says: window 0.',
    remark: 'RFC 9293, 3.8.6.1. As long as it answers there is no end to it; TCP_USER_TIMEOUT makes one.',
  },
};
