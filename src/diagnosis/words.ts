import type { Group } from './diagnosis.ts';
import type { Scene } from './scene.ts';

/** The sentences about a group that do not depend on one socket's row. */

type About = Pick<
  Group,
  'state' | 'conntrack' | 'count' | 'holds' | 'culprit' | 'owner' | 'ends' | 'since' | 'peer' | 'local'
> & {
  service: 'local' | 'peer' | null;
  isPassing: boolean;
};

export function whatOf(group: About): string {
  const { state, holds, conntrack } = group;
  switch (holds) {
    case 'listening':
      return 'A program listens for connections.';
    case 'accept-queue-full':
      return 'The accept queue is full: the program does not call accept(), and new clients get no answer.';
    case 'open':
      return state === 'conntrack'
        ? `conntrack has these connections in ${conntrack}.`
        : 'The connection is open.';
    case 'not-accepted':
      return state === 'CLOSE-WAIT'
        ? 'The client has closed a connection that the program never accepted.'
        : 'The handshake is complete, and the program has not accepted the connection.';
    case 'program-did-not-close':
      return 'The peer has closed; the program has not.';
    case 'peer-did-not-close':
      return 'This end has closed; the peer has not.';
    case 'one-end-did-not-close':
      return 'One end has closed, and the other has not. Which one is not shown.';
    case 'fin-unanswered':
      return `${state}: this end has closed, and nothing acknowledges its FIN.`;
    case 'fin-behind-unsent-data':
      return `${state}: this end has closed, and its FIN waits behind data that the peer has no space for.`;
    case 'synack-missing':
      return 'A program connects, and nothing answers its SYN.';
    case 'handshake-ack-missing':
      return 'SYNs have arrived, and the last ACK of the handshake has not.';
    case 'data-unanswered':
      return 'Data has been sent, and nothing acknowledges it.';
    case 'keepalive-unanswered':
      return 'The connection is idle, and the peer does not answer keepalive probes.';
    case 'peer-not-reading':
      return 'The peer does not read: its receive window is full.';
    case 'not-reading':
      return 'Data has arrived that the program does not read.';
    case '2msl':
      return 'The connection is over; its port numbers are kept for 60 s.';
    case 'closed':
      return 'A socket without a connection.';
  }
}

export function actOf(group: About): string {
  const { holds, owner, culprit, isPassing, service, state } = group;
  if (isPassing) return 'Nobody yet: this is younger than the first timeout. Look again.';
  const program = owner ? `${owner.name ?? 'process'} (pid ${owner.pid})` : 'the program that has it open';
  const both = owner?.also
    ? `${program} and ${owner.also.name ?? 'process'} (pid ${owner.also.pid})`
    : program;
  switch (holds) {
    case 'program-did-not-close':
      return owner?.also
        ? `This program: ${both} hold the same descriptors, and each must close them (inherited: open them with close-on-exec).`
        : `This program: ${both} must call close() when read() returns 0.`;
    case 'accept-queue-full':
    case 'not-accepted':
      return `This program: ${both} must call accept().`;
    case 'not-reading':
      return `This program: ${both} must read. One look can't tell slow from stuck.`;
    case 'peer-not-reading':
      return 'The peer: its program must read.';
    case 'peer-did-not-close':
      return `The peer: its program must close.${owner ? ` ${program} can close its own descriptor, too.` : ''}`;
    case 'one-end-did-not-close':
      return "It can't be known: look at both ends with ss.";
    case 'fin-behind-unsent-data':
      return culprit === 'peer' ? 'The peer: its program must read.' : 'The peer or the network.';
    case 'synack-missing':
      return culprit === 'this program'
        ? 'This program: the listener on this machine must call accept().'
        : 'The network: the host is down, or a firewall drops the packets.';
    case 'handshake-ack-missing':
      return 'The peer or the network: the clients do not answer, or their packets do not get back.';
    case 'data-unanswered':
    case 'keepalive-unanswered':
    case 'fin-unanswered':
      return 'The peer or the network: the host is gone, or something drops the packets.';
    case '2msl':
      return service === 'local'
        ? 'Nobody: this host closed first, as the server. It costs memory and no ports.'
        : 'Nobody: this is healthy. Each keeps one port towards this destination until it ends.';
    case 'listening':
    case 'open':
    case 'closed':
      return state === 'conntrack' && culprit === null ? "It can't be known." : 'Nobody: this is healthy.';
  }
}

export function certainOf(group: About, scene: Scene): string | null {
  const { holds, owner, since, state, peer } = group;
  const to = peer && peer !== '*:*' ? ` dst '${peer.replace(/:\*$/, '')}'` : '';
  switch (holds) {
    case 'program-did-not-close':
    case 'not-accepted':
    case 'accept-queue-full':
      if (owner === null) return 'As root, ss shows the owner: sudo ss -tanpoie';
      if (since === null && holds === 'program-did-not-close')
        return `See its age (lastack): ss -tanpoie state close-wait. See where the program waits: gdb -p ${owner.pid} -batch -ex 'thread apply all bt'`;
      return `See where the program waits: gdb -p ${owner.pid} -batch -ex 'thread apply all bt'`;
    case 'not-reading':
      return 'Look twice: if Recv-Q stays or grows, the program does not read (ss -tanpi shows lastrcv).';
    case 'open':
      return state === 'conntrack' ? 'Look at the sockets of both ends: sudo ss -tanpoie' : null;
    case 'one-end-did-not-close':
      return 'Look at the sockets of both ends: sudo ss -tanpoie';
    case 'fin-unanswered':
    case 'fin-behind-unsent-data':
      return scene.known.areDefaults
        ? `Read the timers and this host's own sysctls: ss -tanoie; sysctl net.ipv4.tcp_orphan_retries`
        : null;
    case 'data-unanswered':
    case 'keepalive-unanswered':
    case 'synack-missing':
      return `See whether the peer answers: tcpdump -ni any host PEER, and ss -tanpoie${to} for the timers.`;
    case 'handshake-ack-missing':
      return 'See whether SYN cookies answer, and whether the SYN-ACKs get through: nstat -az TcpExtSyncookiesSent; tcpdump -ni any tcp.';
    case 'peer-did-not-close':
    case 'peer-not-reading':
      return 'Look at the sockets of the peer: sudo ss -tanpoie there shows the program.';
    case 'listening':
    case '2msl':
    case 'closed':
      return null;
  }
}

const LABS: Readonly<Partial<Record<string, string>>> = {
  LISTEN: 'listen',
  'SYN-SENT': 'syn-sent',
  'SYN-RECEIVED': 'syn-received',
  ESTABLISHED: 'established',
  'FIN-WAIT-1': 'fin-wait-1',
  'FIN-WAIT-2': 'fin-wait-2',
  'CLOSE-WAIT': 'close-wait',
  CLOSING: 'closing',
  'LAST-ACK': 'last-ack',
  'TIME-WAIT': 'time-wait',
  CLOSED: 'bound',
};

/** Fewer SYNs without an answer are not a flood. */
const FLOOD = 20;

export function labOf(group: About): string {
  return `tcplab hold ${scenarioOf(group)}`;
}

function scenarioOf({ state, conntrack, holds, ends, count, owner }: About): string {
  const inState = LABS[state] ?? LABS[(conntrack ?? '').replaceAll('_', '-')] ?? 'established';
  switch (holds) {
    case 'accept-queue-full':
      return 'accept-queue-full';
    case 'not-accepted':
      return state === 'CLOSE-WAIT' ? 'close-wait-never-accepted' : 'accept-queue-full';
    case 'data-unanswered':
      return state === 'CLOSE-WAIT' ? 'close-wait-sending' : 'half-open';
    case 'keepalive-unanswered':
      return 'half-open';
    case 'peer-not-reading':
    case 'not-reading':
      return 'zero-window';
    case 'fin-behind-unsent-data':
      return state === 'LAST-ACK' ? 'last-ack-behind-data' : 'fin-wait-1-behind-data';
    case 'fin-unanswered':
      return state === 'FIN-WAIT-1' && owner ? 'fin-wait-1-descriptor-open' : inState;
    case 'peer-did-not-close':
      return ends.how === 'timer' ? 'fin-wait-2-orphaned' : 'fin-wait-2';
    case 'synack-missing':
      return 'syn-sent';
    case 'handshake-ack-missing':
      return count >= FLOOD ? 'syn-flood' : 'syn-received';
    case 'one-end-did-not-close':
      return 'close-wait';
    default:
      return inState;
  }
}
