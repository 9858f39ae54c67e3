import type { ByHand, Step } from './by-hand.ts';
import {
  ACCEPTED,
  connect,
  connectToShutDown,
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

const UNAWARE = { client: ['FIN-WAIT-1'], server: ['LISTEN', 'ESTABLISHED'] } as const;
const HALF_CLOSED = { client: ['FIN-WAIT-2'], server: ['LISTEN', 'CLOSE-WAIT'] } as const;

const stopServer = stop('server', 'nc', 'stops nc, so it never reads the end of file and never closes');

/** A stopped program continues, reads the end of file, and exits. */
const resume: Step = { on: 'server', terminal: 'nc', run: 'fg', see: { server: [] } };

/** After shutdown(): nc exits when the server closes. */
const shutDown = { on: 'client', terminal: 'nc', press: 'Ctrl-D' } as const;

/** With a rule that holds the client in FIN-WAIT-1. */
const endHeld: readonly Step[] = [
  liftRule('server', 'in', TO_SERVER),
  {
    on: 'client',
    look: 'netstat -tan',
    see: { client: ['TIME-WAIT'], server: [] },
    note: "the next FIN arrives, and the server's nc exits",
  },
  endWatch('server'),
];

/** From FIN-WAIT-1 to LAST-ACK. */
export const CLOSING: Readonly<Record<string, ByHand>> = {
  'fin-wait-1': {
    steps: [
      watch('server'),
      serve,
      connect,
      setRule('server', 'in', TO_SERVER),
      ctrlC(
        'client',
        'nc',
        { ...UNAWARE, at: { 'server/tcpdump': ['Flags [F.]'] } },
        'nc has exited; its socket still exists',
      ),
      {
        on: 'client',
        look: 'netstat -tanp',
        see: { prints: ['FIN_WAIT1 -'] },
        note: 'no process: an orphan',
      },
    ],
    cleanUp: endHeld,
  },
  'fin-wait-1-descriptor-open': {
    steps: [
      watch('server'),
      serve,
      connectToShutDown,
      setRule('server', 'in', TO_SERVER),
      {
        ...shutDown,
        see: { ...UNAWARE, at: { 'server/tcpdump': ['Flags [F.]'] } },
        note: 'nc -N calls shutdown(), and waits for data from the server',
      },
      { on: 'client', look: 'netstat -tanp', see: { prints: ['FIN_WAIT1 …/nc'] } },
    ],
    cleanUp: endHeld,
  },
  'close-wait': {
    steps: [
      watch('server'),
      serve,
      connect,
      stopServer,
      ctrlC('client', 'nc', {
        ...HALF_CLOSED,
        at: { 'server/tcpdump': ['192.168.2.10.…Flags [F.]', '192.168.2.11.80…Flags [.]'] },
      }),
      { on: 'server', look: 'netstat -tanp', see: { prints: ['CLOSE_WAIT …/nc'] } },
    ],
    cleanUp: [resume, endWatch('server')],
  },
  'close-wait-never-accepted': {
    steps: [
      watch('server'),
      serve,
      stop('server', 'nc', 'nc never accepts; its kernel completes the handshake without it'),
      { ...connect, see: { client: ['ESTABLISHED'], server: ['LISTEN', 'ESTABLISHED'] } },
      ctrlC('client', 'nc', HALF_CLOSED),
      {
        on: 'server',
        look: 'netstat -tanp',
        see: { prints: ['CLOSE_WAIT -'] },
        note: "no process; the listener's Recv-Q counts it",
      },
    ],
    cleanUp: [resume, endWatch('server')],
  },
  'fin-wait-2': {
    steps: [
      watch('server'),
      serve,
      connectToShutDown,
      stopServer,
      { ...shutDown, see: HALF_CLOSED },
      {
        on: 'client',
        look: 'netstat -tanop',
        see: { prints: ['FIN_WAIT2 …/nc off'] },
        note: 'nc still has the descriptor, so no timer runs',
      },
    ],
    cleanUp: [resume, endWatch('server')],
  },
  'fin-wait-2-orphaned': {
    steps: [
      watch('server'),
      serve,
      connect,
      stopServer,
      ctrlC('client', 'nc', HALF_CLOSED),
      {
        on: 'client',
        look: 'netstat -tanop',
        see: { prints: ['FIN_WAIT2 - timewait ('] },
        note: 'no process, and a timer: tcp_fin_timeout, 60 s',
      },
    ],
    cleanUp: [resume, endWatch('server')],
  },
  closing: {
    steps: [
      watch('server'),
      serve,
      connectToShutDown,
      setRule('server', 'in', TO_SERVER),
      { ...shutDown, see: UNAWARE },
      ctrlC('server', 'nc', { client: ['CLOSING'], server: ['FIN-WAIT-1'] }, 'the server closes too'),
    ],
    cleanUp: [
      {
        ...liftRule('server', 'in', TO_SERVER),
        see: { client: ['TIME-WAIT'], server: ['TIME-WAIT'] },
      },
      endWatch('server'),
    ],
  },
  'last-ack': {
    steps: [
      watch('client'),
      serve,
      { ...connect, see: ACCEPTED },
      setRule('client', 'in', FROM_SERVER),
      ctrlC(
        'client',
        'nc',
        { client: ['FIN-WAIT-1'], server: ['LAST-ACK'] },
        "the server's nc reads the end of file and closes at once",
      ),
    ],
    cleanUp: [
      { ...liftRule('client', 'in', FROM_SERVER), see: { client: ['TIME-WAIT'], server: [] } },
      endWatch('client'),
    ],
  },
};
