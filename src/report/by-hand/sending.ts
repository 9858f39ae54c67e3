import type { ByHand, Step } from './by-hand.ts';
import {
  connect,
  connectToShutDown,
  ctrlC,
  endPython,
  endWatch,
  FROM_SERVER,
  liftRule,
  python,
  serve,
  setRule,
  stop,
  watch,
} from './steps.ts';

/** A server in Python, because nc closes too early. */
const listenInPython: readonly Step[] = python('server', [
  { type: 'from socket import *' },
  { type: 's = create_server(("", 80))', see: { server: ['LISTEN'] } },
]);

const accept: readonly Step[] = [
  {
    on: 'server',
    terminal: 'python',
    type: 'c, peer = s.accept()',
    ready: '>>>',
    see: { client: ['ESTABLISHED'], server: ['LISTEN', 'ESTABLISHED'] },
  },
];

const connectFirst: Step = {
  ...connectToShutDown,
  see: { client: ['ESTABLISHED'], server: ['LISTEN', 'ESTABLISHED'] },
};

/** An end that sends on while the other has closed or does not read. */
export const SENDING: Readonly<Record<string, ByHand>> = {
  'fin-wait-1-behind-data': {
    steps: [
      watch('server'),
      serve,
      stop('server', 'nc', 'nc no longer reads'),
      {
        on: 'client',
        terminal: 'nc',
        run: 'nc 192.168.2.11 80 </dev/zero',
        see: {
          client: ['ESTABLISHED'],
          server: ['LISTEN', 'ESTABLISHED'],
          at: { 'server/tcpdump': ['192.168.2.11.80 > 192.168.2.10.…win 0,'] },
        },
        note: "the server's receive buffer fills",
      },
      ctrlC(
        'client',
        'nc',
        { client: ['FIN-WAIT-1'], server: ['LISTEN', 'ESTABLISHED'] },
        'nc has exited; tcpdump shows no FIN',
      ),
      {
        on: 'client',
        look: 'ss -tano',
        see: { prints: ['FIN-WAIT-1…192.168.2.11:80…timer:(persist,'] },
        note: 'the Send-Q is far more than the one byte of a FIN',
      },
    ],
    cleanUp: [
      {
        on: 'server',
        terminal: 'nc',
        run: 'kill %1; fg',
        see: { client: [], server: [] },
        note: 'the data is unread, so the server resets the connection',
      },
      endWatch('server'),
    ],
  },
  'close-wait-sending': {
    steps: [
      watch('client'),
      ...listenInPython,
      connectFirst,
      ...accept,
      {
        on: 'client',
        terminal: 'nc',
        press: 'Ctrl-D',
        see: { client: ['FIN-WAIT-2'], server: ['LISTEN', 'CLOSE-WAIT'] },
      },
      setRule('client', 'in', FROM_SERVER),
      { on: 'server', terminal: 'python', type: 'c.send(b"a long response")', ready: '>>>' },
      {
        on: 'server',
        look: 'ss -tano',
        see: { prints: ['CLOSE-WAIT…192.168.2.11:80…timer:(on,'] },
        note: 'on: the retransmission timer',
      },
    ],
    cleanUp: [
      {
        ...liftRule('client', 'in', FROM_SERVER),
        see: { at: { 'client/nc': ['a long response'] } },
        note: 'the next retransmission arrives',
      },
      { ...endPython('server'), see: { client: ['TIME-WAIT'], server: [] } },
      endWatch('client'),
    ],
  },
  'last-ack-behind-data': {
    steps: [
      watch('server'),
      ...listenInPython,
      connectFirst,
      ...accept,
      {
        on: 'client',
        terminal: 'nc',
        press: 'Ctrl-D',
        see: { client: ['FIN-WAIT-2'], server: ['LISTEN', 'CLOSE-WAIT'] },
      },
      stop('client', 'nc', 'nc no longer reads'),
      { on: 'server', terminal: 'python', type: 'c.setblocking(False)', ready: '>>>' },
      {
        on: 'server',
        terminal: 'python',
        type: 'while True: c.send(bytes(10**6))',
        see: {},
        note: 'two Enters; it ends with BlockingIOError when the send buffer is full',
      },
      {
        on: 'server',
        terminal: 'python',
        type: '',
        ready: 'BlockingIOError',
        see: { at: { 'server/tcpdump': ['192.168.2.10.…win 0,'] } },
      },
      {
        on: 'server',
        terminal: 'python',
        type: 'c.close()',
        see: { client: ['FIN-WAIT-2'], server: ['LISTEN', 'LAST-ACK'] },
        note: 'tcpdump shows no FIN of the server',
      },
    ],
    cleanUp: [
      {
        on: 'client',
        terminal: 'nc',
        run: 'kill %1; fg',
        see: { client: [], server: ['LISTEN'] },
        note: 'the data is unread, so the client resets the connection',
      },
      endPython('server'),
      endWatch('server'),
    ],
  },
  'time-wait-reused': {
    steps: [
      watch('server'),
      serve,
      { ...connect, run: 'nc -p 4000 192.168.2.11 80' },
      ctrlC('server', 'nc', { client: ['CLOSE-WAIT'], server: ['FIN-WAIT-2'] }, 'the server closes first'),
      ctrlC('client', 'nc', { client: [], server: ['TIME-WAIT'] }),
      { ...serve, see: { server: ['LISTEN', 'TIME-WAIT'] } },
      {
        ...connect,
        run: 'nc -p 4000 192.168.2.11 80',
        note: 'the SYN ends TIME-WAIT early, and opens a new connection',
      },
    ],
    cleanUp: [ctrlC('client', 'nc', { client: ['TIME-WAIT'], server: [] }), endWatch('server')],
  },
};
