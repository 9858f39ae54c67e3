import type { Segment } from '../tcp/segment.ts';
import type { State } from '../tcp/state.ts';

/**
 * What a segment did to the connection before the kernel freed it. `unprocessed`: nothing. `acknowledgment only`: its ACK field
 * counted, its data and its FIN did not. `processed`: whatever a segment like it does. `met CLOSED`: TCP had no socket for it,
 * which is the state CLOSED, and answered so. `unknown`: the reason does not say.
 */
export type DropEffect = 'unprocessed' | 'acknowledgment only' | 'processed' | 'met CLOSED' | 'unknown';

/** What decides where the reason alone does not: of each only what is known. */
interface DropCircumstances {
  direction?: 'sent' | 'received';
  segment?: Pick<Segment, 'flags' | 'length'>;
  /** Of the end that received it, at that moment. */
  state?: State | null;
}

type Decided = DropEffect | ((circumstances: DropCircumstances) => DropEffect);

/** The effect and plain words of each reason. The names are those of include/net/dropreason-core.h up to Linux 6.18. */
const REASONS = new Map<string, readonly [effect: Decided, words: string]>();

function add(effect: Decided, words: Record<string, string>): void {
  for (const [reason, text] of Object.entries(words)) REASONS.set(reason, [effect, text]);
}

// On its way out: it never left (net/ipv4/ip_output.c, net/core/neighbour.c, __dev_queue_xmit, net/sched/). Of what arrived, a
// copy was on its way on (nft's dup).
add(({ direction }) => (direction === 'received' ? 'processed' : 'unprocessed'), {
  BPF_CGROUP_EGRESS: 'a BPF program of a cgroup',
  CAKE_FLOOD: 'flood protection of the queue',
  DUALPI2_STEP_DROP: 'congestion in the queue',
  FQ_BAND_LIMIT: 'the queue of its band is full',
  FQ_FLOW_LIMIT: 'the queue of its flow is full',
  FQ_HORIZON_LIMIT: 'departure time too far ahead',
  IP_OUTNOROUTES: 'no route',
  NEIGH_CREATEFAIL: 'no neighbor entry',
  NEIGH_DEAD: 'the neighbor entry is gone',
  NEIGH_FAILED: 'no link-layer address found',
  NEIGH_HH_FILLFAIL: 'no link-layer header',
  NEIGH_QUEUEFULL: 'too many wait for a link-layer address',
  QDISC_CONGESTED: 'congestion in the queue',
  QDISC_DROP: "the interface's queue is full",
  QDISC_OVERLIMIT: "the interface's queue is full",
  RECURSION_LIMIT: 'too many interfaces in a row',
  SKB_GSO_SEG: 'it could not be cut into segments',
  TC_EGRESS: 'traffic control on the way out',
});

// Between the interface and TCP (net/core/dev.c, net/ipv4/ip_input.c, route.c, ip_fragment.c, net/ipv6/ip6_input.c); some of
// them on the way out as well.
add('unprocessed', {
  CPU_BACKLOG: "the processor's backlog is full",
  DEV_HDR: 'invalid device header',
  DEV_READY: 'the interface is not ready',
  DUP_FRAG: 'duplicate fragment',
  FRAG_REASM_TIMEOUT: 'a fragment is missing',
  FRAG_TOO_FAR: 'fragments too far apart',
  FULL_RING: "the interface's ring is full",
  HDR_TRUNC: 'truncated header',
  ICMP_CSUM: 'bad ICMP checksum',
  INVALID_PROTO: 'invalid ICMP message',
  IP_CSUM: 'bad IP header checksum',
  IP_INADDRERRORS: 'not an address of this host',
  IP_INHDR: 'invalid IP header',
  IP_INNOROUTES: 'no route for it',
  IP_INVALID_DEST: 'invalid destination address',
  IP_INVALID_SOURCE: 'invalid source address',
  IP_LOCALNET: 'a loopback address from outside',
  IP_LOCAL_SOURCE: "this host's own address as source",
  IP_NOPROTO: 'no such protocol',
  IP_RPFILTER: 'reverse path filter',
  IPV6_BAD_EXTHDR: 'invalid extension header',
  IPV6DISABLED: 'IPv6 is disabled here',
  NETFILTER_DROP: 'netfilter',
  NOMEM: 'no memory',
  OTHERHOST: 'a frame for another host',
  PKT_TOO_BIG: 'longer than the MTU',
  PKT_TOO_SMALL: 'shorter than its headers say',
  SKB_CSUM: 'its checksum could not be computed',
  SKB_UCOPY_FAULT: 'its data could not be copied',
  TAP_FILTER: 'the filter of a tap interface',
  TAP_TXFILTER: 'the address filter of a tap interface',
  TC_CHAIN_NOTFOUND: 'traffic control lacks a chain',
  TC_COOKIE_ERROR: 'an error of traffic control',
  TC_INGRESS: 'traffic control on the way in',
  TC_RECLASSIFY_LOOP: 'a loop in traffic control',
  UNHANDLED_PROTO: 'no handler for its protocol',
  UNICAST_IN_L2_MULTICAST: 'unicast in a broadcast frame',
  XDP: 'an XDP program',
});

// Before its socket's state is consulted (net/ipv4/tcp_ipv4.c, tcp_v4_rcv and tcp_add_backlog; tcp_filter; tcp_inbound_hash).
add('unprocessed', {
  PFMEMALLOC: 'only emergency memory is left',
  PSP_INPUT: 'PSP encryption required or unexpected',
  PSP_OUTPUT: 'PSP encryption failed',
  SECURITY_HOOK: 'a security module',
  SOCKET_BACKLOG: 'the backlog of a busy socket is full',
  SOCKET_FILTER: "the socket's filter",
  TCP_AOFAILURE: 'wrong TCP-AO signature',
  TCP_AOKEYNOTFOUND: 'unknown TCP-AO key',
  TCP_AONOTFOUND: 'no TCP-AO signature',
  TCP_AOUNEXPECTED: 'unexpected TCP-AO signature',
  TCP_AUTH_HDR: 'malformed signature option',
  TCP_CSUM: 'bad TCP checksum',
  TCP_MD5FAILURE: 'wrong MD5 signature',
  TCP_MD5NOTFOUND: 'no MD5 signature',
  TCP_MD5UNEXPECTED: 'unexpected MD5 signature',
  TCP_MINTTL: "TTL below the socket's minimum",
  XFRM_POLICY: 'IPsec policy',
});

// tcp_v4_rcv answers with an RST where it may (RFC 9293, 3.10.7.1).
add('met CLOSED', { NO_SOCKET: 'no socket for it' });

// TCP refuses it whole: tcp_validate_incoming, tcp_ack, tcp_rcv_state_process, tcp_rcv_synsent_state_process (tcp_input.c);
// tcp_check_req, tcp_timewait_state_process (tcp_minisocks.c).
add('unprocessed', {
  TCP_ACK_UNSENT_DATA: 'an ACK of what was never sent',
  TCP_CLOSE: 'the socket is closed',
  TCP_INVALID_ACK_SEQUENCE: 'unacceptable ACK number',
  TCP_INVALID_END_SEQUENCE: 'it ends beyond the window',
  TCP_INVALID_SEQUENCE: 'it begins beyond the window',
  TCP_INVALID_SYN: 'a SYN or SYN-ACK in a connection',
  TCP_LISTEN_OVERFLOW: 'the accept queue is full',
  TCP_OLD_ACK: 'old ACK number',
  // Keepalive and zero window probes too: they exist to be refused so.
  TCP_OLD_SEQUENCE: 'old sequence number',
  // An RST that is obeyed is not dropped (tcp_reset, then __kfree_skb).
  TCP_RESET: 'an RST that is not obeyed',
  TCP_RFC7323_PAWS: 'old timestamp',
  TCP_RFC7323_PAWS_ACK: 'an old ACK',
  TCP_RFC7323_TSECR: 'unacceptable timestamp echo',
  TCP_RFC7323_TW_PAWS: 'old timestamp in TIME-WAIT',
  TCP_TOO_OLD_ACK: 'far too old ACK number',
});

// A listener refuses a SYN with a FIN so; by then TIME-WAIT has given way to it (tcp_v4_rcv).
add(
  ({ segment }) =>
    segment?.flags.includes('S') && segment.flags.includes('F') ? 'processed' : 'unprocessed',
  {
    TCP_FLAGS: 'flags that are invalid in this state',
  },
);

// By then tcp_ack has taken its acknowledgment (tcp_data_queue, tcp_data_queue_ofo, tcp_prune_ofo_queue).
add('acknowledgment only', {
  PROTO_MEM: 'no memory for its data',
  TCP_OFO_QUEUE_PRUNE: 'out-of-order data given up',
  TCP_ZEROWINDOW: 'the receive window is zero',
});

// All that was new in it has counted, or nothing was new in it.
add('processed', {
  // tcp_rcv_state_process: data for a socket that is closed, or TCP_LINGER2 below zero. The connection has ended.
  TCP_ABORT_ON_DATA: 'the closed socket is aborted',
  // tcp_ofo_queue, tcp_data_queue_ofo, tcp_data_queue.
  TCP_OFO_DROP: 'its data came again meanwhile',
  TCP_OFOMERGE: 'its data waits in order already',
  TCP_OLD_DATA: 'its data was received before',
  // Copies for sockets that are not TCP's (net/ipv4/raw.c, net/packet/af_packet.c): the segment itself went on.
  PACKET_SOCK_ERROR: 'a copy for a capture',
  SOCKET_RCVBUFF: 'a copy for a raw socket',
});

// In tcp_data_queue, where only data and FINs get to, its acknowledgment has counted; in tcp_check_req nothing.
add(
  ({ segment, state }) => {
    if (segment && segment.length === 0 && !segment.flags.includes('F')) return 'unprocessed';
    if (!state) return 'unknown';
    return state === 'SYN-RECEIVED' ? 'unprocessed' : 'acknowledgment only';
  },
  { TCP_OVERWINDOW: 'beyond the receive window' },
);

// tcp_rcv_state_process for a socket of TCP Fast Open: tcp_check_req obeys an RST; a SYN is only answered again.
add(
  ({ segment }) => {
    if (!segment) return 'unknown';
    return segment.flags.includes('R') ? 'processed' : 'unprocessed';
  },
  { TCP_FASTOPEN: 'TCP Fast Open is under way' },
);

// What a socket still holds when it ends (inet_sock_destruct): most often the FIN that took an orphan to TIME-WAIT. A capture
// holds copies, also of what was sent; of a neighbor that is gone (neigh_flush_dev), it never left.
add(({ direction }) => (direction === 'received' ? 'processed' : 'unknown'), {
  QUEUE_PURGE: 'the queue that held it is gone',
});

/** What the segment had done by then. Of a reason that is not listed, nothing is known. */
export function dropEffect(reason: string, circumstances: DropCircumstances = {}): DropEffect {
  const effect = REASONS.get(reason)?.[0] ?? 'unknown';
  return typeof effect === 'function' ? effect(circumstances) : effect;
}

/** The reason for the middle of a sentence, in at most 60 characters, with the kernel's own name. */
export function dropWords(reason: string): string {
  // What the lab's own rules drop, tcplab shows as theirs.
  if (reason === 'NETFILTER_DROP') return 'netfilter (not a rule of this lab)';
  const words = REASONS.get(reason)?.[1];
  return words === undefined ? reason : `${words} (${reason})`;
}
