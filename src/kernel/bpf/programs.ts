import { callBegins, callReturns, processExits } from './call-programs.ts';
import { Program, type Surroundings } from './program.ts';
import type { RawEventName } from './record.ts';
import { drop, ofSocket, reset, stateChange } from './socket-programs.ts';

/**
 * Writes the program of one tracepoint for the running kernel: it leaves at once unless the socket, the packet or the process
 * is in one of the namespaces in `maps.namespaces`, and else writes one record (record.ts) into the ring.
 */
export function programFor(event: RawEventName, surroundings: Surroundings): Buffer {
  const program = new Program(event, surroundings);
  WRITERS[event](program);
  return program.assemble();
}

const ofItsSocket = (program: Program) => ofSocket(program, 0);

const WRITERS: Readonly<Record<RawEventName, (program: Program) => void>> = {
  inet_sock_set_state: stateChange,
  tcp_retransmit_skb: ofItsSocket,
  // Its socket is the listener; the request that it made is the second argument.
  tcp_retransmit_synack: (program) => ofSocket(program, 1),
  tcp_send_reset: reset,
  tcp_receive_reset: ofItsSocket,
  tcp_destroy_sock: ofItsSocket,
  kfree_skb: drop,
  sys_enter: callBegins,
  sys_exit: callReturns,
  sched_process_exit: processExits,
};
