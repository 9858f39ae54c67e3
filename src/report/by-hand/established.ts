import type { ByHand, Run } from './by-hand.ts';
import {
  connect,
  ctrlC,
  endWatch,
  FROM_SERVER,
  liftRule,
  serve,
  setRule,
  stop,
  TO_SERVER,
  watch,
} from './steps.ts';

const stopListener = stop('server', 'nc', 'nc no longer accepts: its kernel shakes hands without it');

/** ESTABLISHED, and a client that a full accept queue keeps from it. */
export const ESTABLISHED: Readonly<Record<string, ByHand>> = {
  established: {
    steps: [
      watch('server'),
      serve,
      connect,
      { on: 'client', terminal: 'nc', type: 'hello', see: { at: { 'server/nc': ['hello'] } } },
      {
        on: 'server',
        terminal: 'nc',
        type: 'good day',
        see: {
          client: ['ESTABLISHED'],
          server: ['LISTEN', 'ESTABLISHED'],
          at: { 'client/nc': ['good day'], 'server/tcpdump': ['Flags [P.]…length 9', 'Flags [.]…length 0'] },
        },
      },
    ],
    cleanUp: [
      ctrlC('client', 'nc', { client: ['TIME-WAIT'], server: [] }, 'the server’s nc ends by itself'),
      endWatch('server'),
    ],
  },
  'half-open': {
    steps: [
      watch('client'),
      serve,
      connect,
      setRule('server', 'in', TO_SERVER),
      {
        ...setRule('server', 'out', FROM_SERVER),
        note: 'the wire is cut, both ways',
      },
      {
        on: 'client',
        run: 'ss -Ktn dst 192.168.2.11',
        see: {
          client: [],
          server: ['LISTEN', 'ESTABLISHED'],
          prints: ['192.168.2.11:80'],
          at: { 'client/tcpdump': ['Flags [R'] },
        },
        note: 'ends the connection with an RST, which is lost: as if the client’s machine had crashed',
      },
    ],
    cleanUp: [
      ctrlC('server', 'nc', { server: ['FIN-WAIT-1'] }),
      liftRule('server', 'in', TO_SERVER),
      {
        ...liftRule('server', 'out', FROM_SERVER),
        see: { server: [] },
        note: 'the next FIN is answered with RST',
      },
      endWatch('client'),
    ],
  },
  'zero-window': {
    steps: [
      watch('server'),
      serve,
      stopListener,
      {
        on: 'client',
        terminal: 'nc',
        run: 'nc 192.168.2.11 80 </dev/zero',
        see: {
          client: ['ESTABLISHED'],
          server: ['LISTEN', 'ESTABLISHED'],
          at: { 'server/tcpdump': ['192.168.2.11.80 > 192.168.2.10.…win 0,'] },
        },
        note: 'the server’s buffer fills, and nobody reads',
      },
      {
        on: 'client',
        look: 'ss -tano',
        see: { prints: ['ESTAB…192.168.2.11:80…timer:(persist,'] },
        note: 'the client probes; its Send-Q does not move',
      },
    ],
    cleanUp: [
      {
        on: 'server',
        terminal: 'nc',
        run: 'kill %1; fg',
        see: { client: [], server: [] },
        note: 'data is unread, so the connection ends with RST, and the client’s nc with it',
      },
      endWatch('server'),
    ],
  },
  'accept-queue-full': {
    steps: [
      watch('server'),
      serve,
      stopListener,
      { ...client('nc'), see: { client: ['ESTABLISHED'], server: ['LISTEN', 'ESTABLISHED'] } },
      {
        ...client('nc2'),
        see: {
          client: ['ESTABLISHED', 'ESTABLISHED'],
          server: ['LISTEN', 'ESTABLISHED', 'ESTABLISHED'],
        },
      },
      {
        on: 'server',
        look: 'ss -tln',
        see: { prints: ['LISTEN 2 1 0.0.0.0:80'] },
        note: 'Recv-Q over Send-Q: a backlog of 1 admits two, and the queue is full',
      },
      {
        ...client('nc3'),
        see: {
          client: ['ESTABLISHED', 'ESTABLISHED', 'SYN-SENT'],
          server: ['LISTEN', 'ESTABLISHED', 'ESTABLISHED'],
          at: { 'server/tcpdump': ['192.168.2.10.… > 192.168.2.11.80: Flags [S]'] },
        },
        note: 'its SYNs arrive and are dropped, without any rule',
      },
      {
        on: 'server',
        look: 'netstat -s',
        see: { prints: ['times the listen queue of a socket overflowed'] },
      },
    ],
    cleanUp: [
      ctrlC('client', 'nc3'),
      ctrlC('client', 'nc2'),
      ctrlC('client', 'nc'),
      {
        on: 'server',
        terminal: 'nc',
        run: 'fg',
        see: { server: [] },
        note: 'nc accepts one at last, reads its end, and ends',
      },
      endWatch('server'),
    ],
  },
};

function client(terminal: string): Run {
  return { on: 'client', terminal, run: 'nc 192.168.2.11 80' };
}
