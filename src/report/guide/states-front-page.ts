import { ARCS } from '../../tcp/arcs.ts';
import { STATES, type State } from '../../tcp/state.ts';
import { STATE_NAMES } from '../../tcp/state-names.ts';
import { RECIPE_PREAMBLE } from './by-hand/format.ts';
import { STATE_EXPLANATIONS } from './explanation/states.ts';
import { fence, markdownBlock, markdownTable, stateLink } from './markdown.ts';
import { GENERATED, type Recorded } from './state-page.ts';

/** docs/states/README.md: the diagram, the states, and their names in other tools. */
export function statesFrontPage({ machine }: Recorded): string {
  return [
    '# The states of a TCP connection',
    GENERATED,
    markdownBlock(
      'This page shows how the eleven states of RFC 9293 follow each other and what each tool calls them. Each state has ' +
        'a page of its own, with its meaning, its end, what to do if there are many, and how to make it.',
    ),
    '## The state diagram',
    fence(DIAGRAM),
    markdownBlock(
      `This is drawn after figure 5 of RFC 9293, 3.3.2, with the calls of Linux. It shows how a connection normally opens and ` +
        'closes. Resets, errors and timeouts also end a connection; the page of each state lists what ends it.',
    ),
    '## The states',
    markdownTable(
      ['State', 'Meaning', 'Comes from', 'Leads to'],
      STATES.map((state) => [
        stateLink(state),
        STATE_EXPLANATIONS[state].brief,
        statesOf(ARCS.filter(({ to }) => to === state).map(({ from }) => from)),
        statesOf(ARCS.filter(({ from }) => from === state).map(({ to }) => to)),
      ]),
    ),
    markdownBlock(
      'The active closer is the end that closes first: it goes through FIN-WAIT-1 to TIME-WAIT. The passive closer goes ' +
        'through CLOSE-WAIT and LAST-ACK.',
    ),
    '## Names in other tools',
    markdownTable(
      ['State', 'ss prints', 'ss state', 'netstat', '/proc/net/tcp', 'lsof', 'conntrack', 'Wireshark'],
      STATES.map((state) => [stateLink(state), ...nameCells(state)]),
    ),
    { points: NOTES },
    '## How to read these pages',
    {
      points: [
        `Every diagram, table and time on the pages is from a run of tcplab on ${machine} with its default sysctls. ` +
          '`tcplab explain STATE` prints the times of your machine.',
        'In a diagram of segments time runs downwards. The states stand at both sides, `┳` and `┻` mark where the hold ' +
          'begins and ends, and the last line is a legend.',
        `The commands under "Without tcplab" make the state with nc, iptables and their like. ${RECIPE_PREAMBLE}`,
      ],
    },
  ]
    .map((part) => (typeof part === 'string' ? part : markdownBlock(part)))
    .join('\n\n')
    .concat('\n');
}

function statesOf(states: readonly State[]): string {
  const some = STATES.filter((state) => states.includes(state));
  return some.length === STATES.length - 1 ? 'every other state' : some.map(stateLink).join(', ');
}

function nameCells(state: State): string[] {
  const { ss, ssFilter, netstat, proc, lsof, conntrack, wireshark } = STATE_NAMES[state];
  return [[ss], [ssFilter], [netstat], [proc], [lsof], conntrack, wireshark].map(
    (names) => names.flatMap((name) => (name ? [`\`${name}\``] : [])).join(' or ') || '–',
  );
}

const NOTES: readonly string[] = [
  'CLOSED: no tool lists a socket without a connection, except ss since Linux 6.8 if the socket is bound (ss -taB). ' +
    'lsof prints such a descriptor as `protocol: TCP`, without a state.',
  'lsof lists only sockets that a process holds open. So it never shows TIME-WAIT, an orphan (FIN-WAIT-1, FIN-WAIT-2, ' +
    'CLOSING or LAST-ACK after close()), a connection that is not accepted yet, or the SYN-RECEIVED of a listener.',
  '/proc/net/tcp has the number of the kernel in column `st`, in hexadecimal. A request in SYN-RECEIVED is state 12 ' +
    'inside the kernel, and is shown as `03`.',
  'conntrack has one state per connection, not per end, and follows packets rather than sockets. It shows `CLOSE_WAIT` ' +
    'while one end is in FIN-WAIT-2 and the other in CLOSE-WAIT. It can be ahead of the socket, because it sees packets ' +
    'that the packet filter then drops, and a retransmitted FIN moves its state on. It has no entry for a listener, and `CLOSE` only for 10 s after an RST.',
  'Wireshark has no states. Its field `tcp.completeness` says which kinds of segments the whole capture contains: with a ' +
    'FIN it is the same in every closing state, and in SYN-RECEIVED it is `CLIENT_ESTABLISHED` even if the client is ' +
    'not. An RST in place of the handshake makes it `Incomplete`.',
];

const DIAGRAM = `
                             ┌────────┐
                             │ CLOSED │
                             └─┬────┬─┘
                    listen()   │    │   connect()
                 ┌─────────────┘    └─────────────┐ send SYN
                 ▼                                ▼
            ┌────────┐                      ┌──────────┐
            │ LISTEN │                      │ SYN-SENT │
            └────┬───┘                      └─┬──────┬─┘
     receive SYN │                receive SYN │      │ receive SYN-ACK
    send SYN-ACK ▼               send SYN-ACK │      │ send ACK
         ┌──────────────┐                     │      │
         │ SYN-RECEIVED │◀────────────────────┘      │
         └─┬──────────┬─┘                            │
           │          │ receive ACK of SYN           │
           │          ▼                              │
   close() │   ┌─────────────┐                       │
  send FIN │   │ ESTABLISHED │◀──────────────────────┘
           │   └─┬─────────┬─┘
           │     │ close() │ receive FIN
           │     │ send FIN└────────────────────┐ send ACK
           ▼     ▼                              ▼
         ┌────────────┐                   ┌────────────┐
         │ FIN-WAIT-1 │                   │ CLOSE-WAIT │
         └─┬────┬────┬┘                   └─────┬──────┘
           │    │    │ receive FIN              │ close()
 receive   │    │    │ send ACK                 │ send FIN
ACK of FIN │    │    └──────────┐               │
           ▼    │               ▼               ▼
 ┌────────────┐ │          ┌─────────┐    ┌──────────┐
 │ FIN-WAIT-2 │ │          │ CLOSING │    │ LAST-ACK │
 └─────────┬──┘ │          └────┬────┘    └─────┬────┘
 receive   │    │ receive FIN   │ receive       │ receive
 FIN,      │    │ with ACK of   │ ACK of FIN    │ ACK of FIN
 send ACK  │    │ FIN, send ACK │               │
           ▼    ▼               ▼    2 MSL      ▼
         ┌─────────────────────────┐ (60 s) ┌────────┐
         │        TIME-WAIT        │───────▶│ CLOSED │
         └─────────────────────────┘        └────────┘
`.replace(/^\n/, '');
