import type { HostName } from '../../evidence/events.ts';
import type { ByHand, Run } from './by-hand.ts';
import {
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

/** Handshakes that the two ends do not see alike, or that carry data. */
export const UNFINISHED: Readonly<Record<string, ByHand>> = {
  'syn-received-accept-queue-full': {
    steps: [
      watch('server'),
      serve,
      stop('server', 'nc', 'nc no longer accepts; its backlog of 1 admits two connections'),
      { ...client('nc'), see: { client: ['ESTABLISHED'], server: ['LISTEN', 'ESTABLISHED'] } },
      setRule('client', 'in', FROM_SERVER),
      {
        ...client('nc2'),
        see: { client: ['ESTABLISHED', 'SYN-SENT'], server: ['LISTEN', 'ESTABLISHED', 'SYN-RECEIVED'] },
      },
      {
        ...client('nc3'),
        see: {
          client: ['ESTABLISHED', 'SYN-SENT', 'SYN-SENT'],
          server: ['LISTEN', 'ESTABLISHED', 'SYN-RECEIVED', 'SYN-RECEIVED'],
        },
        note: 'both find space in the queue, because neither handshake is complete',
      },
      {
        ...liftRule('client', 'in', FROM_SERVER),
        see: {
          client: ['ESTABLISHED', 'ESTABLISHED', 'ESTABLISHED'],
          server: ['LISTEN', 'ESTABLISHED', 'ESTABLISHED', 'SYN-RECEIVED'],
        },
        note: 'one final ACK finds the queue full, and the kernel drops it',
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
        note: 'nc accepts a connection, reads its end of file, and exits',
      },
      endWatch('server'),
    ],
  },
  'syn-received-deferred': {
    steps: [
      watch('server'),
      ...python('server', [
        { type: 'from socket import *' },
        { type: 's = socket()' },
        { type: 's.setsockopt(IPPROTO_TCP, TCP_DEFER_ACCEPT, 30)' },
        { type: 's.bind(("", 80))' },
        { type: 's.listen()', see: { server: ['LISTEN'] } },
      ]),
      {
        ...client('nc'),
        see: {
          client: ['ESTABLISHED'],
          server: ['LISTEN', 'SYN-RECEIVED'],
          at: { 'server/tcpdump': ['192.168.2.10.…Flags [.]'] },
        },
        note: 'the final ACK has arrived, and the kernel waits for data',
      },
    ],
    cleanUp: [ctrlC('client', 'nc'), endPython('server'), endWatch('server')],
  },
  'established-fast-open': {
    steps: [
      fastOpen('client', 5),
      fastOpen('server', 1538),
      watch('server'),
      serve,
      ...python('client', [
        { type: 'from socket import *' },
        { type: 'c = socket()' },
        {
          type: 'c.sendto(b"ping", MSG_FASTOPEN, ("192.168.2.11", 80))',
          see: {
            client: ['ESTABLISHED'],
            server: ['LISTEN', 'ESTABLISHED'],
            at: { 'server/tcpdump': ['Flags [S]…length 4'], 'server/nc': ['ping'] },
          },
          note: 'the SYN carries the data',
        },
      ]),
    ],
    cleanUp: [endPython('client'), endWatch('server'), fastOpen('client', 1), fastOpen('server', 1)],
  },
};

function client(terminal: string): Run {
  return { on: 'client', terminal, run: 'nc 192.168.2.11 80' };
}

/** Bits: 1 a client, 2 a server, 4 a client without a cookie, 0x200 and 0x400 a server without cookie and option. */
function fastOpen(on: HostName, bits: number): Run {
  return {
    on,
    run: `sysctl -w net.ipv4.tcp_fastopen=${bits}`,
    see: { prints: [`tcp_fastopen = ${bits}`] },
  };
}
