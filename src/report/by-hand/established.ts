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

const stopListener = stop('server', 'nc', 'nc no longer accepts; its kernel completes handshakes without it');

/** ESTABLISHED, and a client that a full accept queue keeps in SYN-SENT. */
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
      ctrlC('client', 'nc', { client: ['TIME-WAIT'], server: [] }, "the server's nc exits too"),
      endWatch('server'),
    ],
  },
  'self-connect': {
    steps: [
      { ...watch('client'), run: 'tcpdump -ni any tcp port 4000' },
      {
        on: 'client',
        terminal: 'nc',
        run: 'nc -p 4000 192.168.2.10 4000',
        see: {
          client: ['ESTABLISHED'],
          server: [],
          at: { 'client/tcpdump': ['Flags [S]', 'Flags [S.]', 'Flags [.]'] },
        },
        note: 'there is no listener: the SYN reaches the socket that sent it',
      },
      {
        on: 'client',
        terminal: 'nc',
        type: 'hello',
        see: { at: { 'client/nc': ['hello', 'hello'] } },
        note: 'nc prints what it sent: its socket is its own peer',
      },
    ],
    cleanUp: [
      ctrlC(
        'client',
        'nc',
        { client: ['TIME-WAIT'], server: [] },
        'its FIN reaches itself too: a simultaneous close',
      ),
      endWatch('client'),
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
        note: 'now nothing passes in either direction',
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
        note: "destroys the client's socket; its RST is lost, as if the client's machine had crashed",
      },
    ],
    cleanUp: [
      ctrlC('server', 'nc', { server: ['FIN-WAIT-1'] }),
      liftRule('server', 'in', TO_SERVER),
      {
        ...liftRule('server', 'out', FROM_SERVER),
        see: { server: [] },
        note: 'the client answers the next FIN with RST',
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
        note: "the server's receive buffer fills, because nc does not read",
      },
      {
        on: 'client',
        look: 'ss -tano',
        see: { prints: ['ESTAB…192.168.2.11:80…timer:(persist,'] },
        note: 'the client sends window probes; its Send-Q stays the same',
      },
    ],
    cleanUp: [
      {
        on: 'server',
        terminal: 'nc',
        run: 'kill %1; fg',
        see: { client: [], server: [] },
        note: "the data is unread, so the server resets the connection, and the client's nc exits",
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
        note: 'Recv-Q 2, Send-Q 1: a backlog of 1 admits two connections, and the queue is full',
      },
      {
        ...client('nc3'),
        see: {
          client: ['ESTABLISHED', 'ESTABLISHED', 'SYN-SENT'],
          server: ['LISTEN', 'ESTABLISHED', 'ESTABLISHED'],
          at: { 'server/tcpdump': ['192.168.2.10.… > 192.168.2.11.80: Flags [S]'] },
        },
        note: 'its SYNs arrive, and the kernel drops them without any rule',
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
        note: 'nc accepts a connection, reads its end of file, and exits',
      },
      endWatch('server'),
    ],
  },
};

function client(terminal: string): Run {
  return { on: 'client', terminal, run: 'nc 192.168.2.11 80' };
}
