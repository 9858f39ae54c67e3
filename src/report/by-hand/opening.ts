import type { HostName } from '../../evidence/events.ts';
import type { Rule } from '../../lab/rule.ts';
import type { State } from '../../tcp/state.ts';
import type { ByHand, Run, Sight } from './by-hand.ts';
import {
  ctrlC,
  endPython,
  endWatch,
  FROM_SERVER,
  liftRule,
  python,
  serve,
  setRule,
  TO_SERVER,
  watch,
} from './steps.ts';

const PENDING = ['SYN-RECEIVED', '…'] as const;

/** LISTEN, SYN-SENT, SYN-RECEIVED. */
export const OPENING: Readonly<Record<string, ByHand>> = {
  listen: {
    steps: [
      serve,
      {
        on: 'server',
        look: 'ss -tln',
        see: { client: [], server: ['LISTEN'], prints: ['LISTEN 0 1 0.0.0.0:80'] },
        note: 'Recv-Q is the accept queue, Send-Q the backlog: nc sets 1',
      },
    ],
    cleanUp: [ctrlC('server', 'nc', { server: [] })],
  },
  'syn-sent': dropped(['server', 'in', TO_SERVER], 'LISTEN', {
    'server/tcpdump': ['192.168.2.10.… > 192.168.2.11.80: Flags [S]'],
  }),
  'syn-sent-dropped-at-client': dropped(
    ['client', 'out', TO_SERVER],
    'LISTEN',
    {},
    {
      prints: ['0 packets captured'],
    },
  ),
  'syn-received': dropped(['client', 'in', FROM_SERVER], 'SYN-RECEIVED', {
    'server/tcpdump': ['Flags [S]', '192.168.2.11.80 > 192.168.2.10.…: Flags [S.]'],
  }),
  'syn-received-dropped-at-server': dropped(['server', 'out', FROM_SERVER], 'SYN-RECEIVED', {
    'server/tcpdump': ['192.168.2.10.… > 192.168.2.11.80: Flags [S]'],
  }),
  'syn-received-simultaneous-open': {
    steps: [
      watch('client'),
      setRule('server', 'in', TO_SERVER),
      {
        on: 'client',
        terminal: 'nc',
        run: 'nc -p 4000 192.168.2.11 80',
        see: { client: ['SYN-SENT'] },
      },
      {
        on: 'server',
        terminal: 'nc',
        run: 'nc -p 80 192.168.2.10 4000',
        see: {
          client: ['SYN-RECEIVED'],
          server: ['SYN-SENT'],
          at: {
            'client/tcpdump': [
              '192.168.2.11.80 > 192.168.2.10.4000: Flags [S]',
              '192.168.2.10.4000 > 192.168.2.11.80: Flags [S.]',
            ],
          },
        },
        note: 'there is no listener, but a client in SYN-SENT answers a SYN with SYN-ACK',
      },
    ],
    cleanUp: [
      ctrlC('client', 'nc', { client: ['FIN-WAIT-1'] }),
      ctrlC('server', 'nc', { server: [] }),
      {
        ...liftRule('server', 'in', TO_SERVER),
        see: { client: [] },
        note: 'the server answers the next FIN with RST',
      },
      endWatch('client'),
    ],
  },
  'syn-flood': {
    steps: [
      watch('client'),
      {
        on: 'server',
        run: 'sysctl -w net.ipv4.tcp_syncookies=0',
        see: { prints: ['tcp_syncookies = 0'] },
      },
      ...python('server', [
        { type: 'from socket import *' },
        { type: 's = create_server(("", 80), backlog=3)', see: { server: ['LISTEN'] } },
      ]),
      flooded('-A'),
      {
        on: 'client',
        run: 'for i in $(seq 8); do nc -zw1 -p 400$i 192.168.2.11 80 & done',
        see: { client: [], server: ['LISTEN', ...PENDING] },
        note: 'each nc gives up after 1 s; the SYN queue holds as many requests as the backlog, or one more',
      },
      {
        on: 'client',
        terminal: 'nc',
        run: 'nc 192.168.2.11 80',
        see: { client: ['SYN-SENT'], server: ['LISTEN', ...PENDING] },
        note: 'a legitimate client finds the queue full',
      },
      {
        on: 'server',
        run: 'sysctl -w net.ipv4.tcp_syncookies=1',
        see: {
          client: ['ESTABLISHED'],
          server: ['LISTEN', 'ESTABLISHED', ...PENDING],
        },
        note: 'its next SYN, 1 s later, is answered with a syncookie and needs no space in the queue',
      },
    ],
    cleanUp: [ctrlC('client', 'nc'), endPython('server'), flooded('-D'), endWatch('client')],
  },
};

/** A handshake that a rule stops, whichever of its segments the rule drops. */
function dropped(
  rule: [HostName, Rule['hook'], Parameters<typeof setRule>[2]],
  server: State,
  at: NonNullable<Sight['at']>,
  atEnd?: Sight,
): ByHand {
  return {
    steps: [
      watch('server'),
      serve,
      setRule(...rule),
      {
        on: 'client',
        terminal: 'telnet',
        run: 'telnet 192.168.2.11 80',
        see: {
          client: ['SYN-SENT'],
          server: server === 'LISTEN' ? ['LISTEN'] : ['LISTEN', server],
          prints: ['Trying 192.168.2.11...'],
          at,
        },
      },
    ],
    cleanUp: [
      ctrlC('client', 'telnet', { client: [] }),
      ctrlC('server', 'nc'),
      liftRule(...rule),
      { ...endWatch('server'), ...(atEnd ? { see: atEnd } : {}) },
    ],
  };
}

/** Drops the SYN-ACKs to these ports before the client's TCP, which would answer with ACK or RST. */
function flooded(command: '-A' | '-D'): Run {
  return { on: 'client', run: `iptables ${command} INPUT -p tcp --sport 80 --dport 4001:4008 -j DROP` };
}
