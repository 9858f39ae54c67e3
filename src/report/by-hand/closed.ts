import type { Fate } from '../../lab/rule.ts';
import type { ByHand, Step } from './by-hand.ts';
import { ctrlC, endPython, endWatch, liftRule, python, serve, setRule, TO_SERVER, watch } from './steps.ts';

const endServer = ctrlC('server', 'nc', { server: [] });

/** No connection: refused, rejected, or not begun. */
export const CLOSED: Readonly<Record<string, ByHand>> = {
  'closed-refused': {
    steps: [
      watch('server'),
      {
        on: 'client',
        run: 'telnet 192.168.2.11 80',
        see: {
          client: [],
          server: [],
          prints: ['Connection refused'],
          at: { 'server/tcpdump': ['Flags [S]', 'Flags [R.]'] },
        },
        note: 'there is no listener',
      },
    ],
    cleanUp: [endWatch('server')],
  },
  'closed-rejected-rst': {
    steps: [
      watch('client'),
      serve,
      setRule('server', 'in', TO_SERVER, 'reject with RST'),
      {
        on: 'client',
        run: 'telnet 192.168.2.11 80',
        see: {
          client: [],
          server: ['LISTEN'],
          prints: ['Connection refused'],
          at: { 'client/tcpdump': ['Flags [S]', 'Flags [R.]'] },
        },
        note: 'the same as without a listener',
      },
    ],
    cleanUp: [liftRule('server', 'in', TO_SERVER, 'reject with RST'), endServer, endWatch('client')],
  },
  'closed-rejected-icmp': {
    steps: [
      {
        on: 'client',
        terminal: 'tcpdump',
        run: 'tcpdump -ni any icmp',
        ready: 'listening on any',
      },
      serve,
      ...rejected('reject with port unreachable', 'Connection refused', 'port 80 unreachable'),
      liftRule('server', 'in', TO_SERVER, 'reject with port unreachable'),
      ...rejected('reject with host unreachable', 'No route to host', 'host 192.168.2.11 unreachable'),
      liftRule('server', 'in', TO_SERVER, 'reject with host unreachable'),
      ...rejected('reject with administratively prohibited', 'No route to host', 'admin prohibited'),
    ],
    cleanUp: [
      liftRule('server', 'in', TO_SERVER, 'reject with administratively prohibited'),
      endServer,
      endWatch('client'),
    ],
  },
  bound: {
    steps: [
      ...python('client', [
        { type: 'from socket import *' },
        { type: 's = socket()' },
        {
          type: 's.bind(("", 4000))',
          see: { client: [] },
          note: 'netstat and ss do not list it; ss -tanB does (Linux and iproute2 6.8 or later)',
        },
      ]),
      {
        on: 'client',
        run: 'nc -l 4000',
        see: { prints: ['Address already in use'] },
        note: 'but the socket occupies the port',
      },
      {
        on: 'server',
        run: 'nc -zvn 192.168.2.10 4000',
        see: { client: [], server: [], prints: ['Connection refused'] },
        note: 'and there is no listener',
      },
    ],
    cleanUp: [endPython('client')],
  },
};

function rejected(fate: Fate, error: string, icmp: string): Step[] {
  return [
    setRule('server', 'in', TO_SERVER, fate),
    {
      on: 'client',
      run: 'telnet 192.168.2.11 80',
      see: { client: [], server: ['LISTEN'], prints: [error], at: { 'client/tcpdump': [icmp] } },
    },
  ];
}
