import type { State } from './state.ts';

/** What other tools print for a state, and how it is given to them. `null`: the tool does not show the state. */
interface StateNames {
  /** `ss -tan` prints it (iproute2, misc/ss.c). */
  ss: string;
  /** `ss state NAME`. */
  ssFilter: string;
  /** `netstat -tan` (net-tools). */
  netstat: string | null;
  /** The column `st` of /proc/net/tcp: the kernel's number (include/net/tcp_states.h). */
  proc: string | null;
  /** `lsof -nP -iTCP`, which lists only sockets that a process holds open. */
  lsof: string | null;
  /** `conntrack -L`, in the order in which an entry goes through them. */
  conntrack: readonly string[];
  /** Wireshark's `tcp.completeness` of a capture that ends in this state. It describes the capture, not a state. */
  wireshark: readonly string[];
}

const FIN_SEEN = ['Complete, NO_DATA', 'Complete, WITH_DATA'];

export const STATE_NAMES: Readonly<Record<State, StateNames>> = {
  CLOSED: {
    ss: 'UNCONN',
    ssFilter: 'closed',
    netstat: null,
    proc: null,
    lsof: null,
    conntrack: ['CLOSE'],
    wireshark: [],
  },
  LISTEN: {
    ss: 'LISTEN',
    ssFilter: 'listening',
    netstat: 'LISTEN',
    proc: '0A',
    lsof: 'LISTEN',
    conntrack: [],
    wireshark: [],
  },
  'SYN-SENT': {
    ss: 'SYN-SENT',
    ssFilter: 'syn-sent',
    netstat: 'SYN_SENT',
    proc: '02',
    lsof: 'SYN_SENT',
    conntrack: ['SYN_SENT'],
    wireshark: ['Incomplete, SYN_SENT'],
  },
  'SYN-RECEIVED': {
    ss: 'SYN-RECV',
    ssFilter: 'syn-recv',
    netstat: 'SYN_RECV',
    proc: '03',
    lsof: 'SYN_RECV',
    conntrack: ['SYN_RECV'],
    wireshark: ['Incomplete, CLIENT_ESTABLISHED'],
  },
  ESTABLISHED: {
    ss: 'ESTAB',
    ssFilter: 'established',
    netstat: 'ESTABLISHED',
    proc: '01',
    lsof: 'ESTABLISHED',
    conntrack: ['ESTABLISHED'],
    wireshark: ['Incomplete, ESTABLISHED', 'Incomplete, DATA'],
  },
  'FIN-WAIT-1': {
    ss: 'FIN-WAIT-1',
    ssFilter: 'fin-wait-1',
    netstat: 'FIN_WAIT1',
    proc: '04',
    lsof: 'FIN_WAIT1',
    conntrack: ['FIN_WAIT', 'LAST_ACK'],
    wireshark: FIN_SEEN,
  },
  'FIN-WAIT-2': {
    ss: 'FIN-WAIT-2',
    ssFilter: 'fin-wait-2',
    netstat: 'FIN_WAIT2',
    proc: '05',
    lsof: 'FIN_WAIT2',
    conntrack: ['CLOSE_WAIT'],
    wireshark: FIN_SEEN,
  },
  'CLOSE-WAIT': {
    ss: 'CLOSE-WAIT',
    ssFilter: 'close-wait',
    netstat: 'CLOSE_WAIT',
    proc: '08',
    lsof: 'CLOSE_WAIT',
    conntrack: ['CLOSE_WAIT'],
    wireshark: FIN_SEEN,
  },
  CLOSING: {
    ss: 'CLOSING',
    ssFilter: 'closing',
    netstat: 'CLOSING',
    proc: '0B',
    lsof: 'CLOSING',
    conntrack: ['LAST_ACK', 'TIME_WAIT'],
    wireshark: FIN_SEEN,
  },
  'LAST-ACK': {
    ss: 'LAST-ACK',
    ssFilter: 'last-ack',
    netstat: 'LAST_ACK',
    proc: '09',
    lsof: 'LAST_ACK',
    conntrack: ['LAST_ACK', 'TIME_WAIT'],
    wireshark: FIN_SEEN,
  },
  'TIME-WAIT': {
    ss: 'TIME-WAIT',
    ssFilter: 'time-wait',
    netstat: 'TIME_WAIT',
    proc: '06',
    lsof: null,
    conntrack: ['TIME_WAIT'],
    wireshark: FIN_SEEN,
  },
};
