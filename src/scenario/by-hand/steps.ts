import type { HostName } from '../../evidence/events.ts';
import { SERVER_PORT } from '../../lab/addresses.ts';
import { iptablesCommand, type Rule } from '../../lab/rule.ts';
import type { ByHand, Press, Run, Shown, States, Step, Type } from './by-hand.ts';

/** Steps that many recipes share. */

export function watch(on: HostName): Run {
  return {
    on,
    terminal: 'tcpdump',
    run: `tcpdump -ni any tcp port ${SERVER_PORT}`,
    ready: 'listening on any',
  };
}

/** OpenBSD's nc exits when its peer's FIN arrives, whether or not it has more to send. */
export const serve: Run = {
  on: 'server',
  terminal: 'nc',
  run: `nc -lvn ${SERVER_PORT}`,
  see: { server: ['LISTEN'] },
};

export const ESTABLISHED: Shown = { client: ['ESTABLISHED'], server: ['LISTEN', 'ESTABLISHED'] };
export const ACCEPTED: Shown = {
  ...ESTABLISHED,
  at: { 'server/nc': ['Connection received on 192.168.2.10'] },
};

/** Its Ctrl-C closes the socket. */
export const connect: Run = { on: 'client', terminal: 'nc', run: 'nc 192.168.2.11 80', see: ACCEPTED };

/** Its Ctrl-D shuts down the sending side, and the socket stays open. */
export const connectToShutDown: Run = { ...connect, run: 'nc -N 192.168.2.11 80' };

/** A program that hangs, while its kernel continues. */
export function stop(on: HostName, terminal: string, note: string): Press {
  return { on, terminal, press: 'Ctrl-Z', ready: 'Stopped', note };
}

export function ctrlC(on: HostName, terminal: string, see: Shown = {}, note?: string): Press {
  return { on, terminal, press: 'Ctrl-C', see, ...(note ? { note } : {}) };
}

/** Lines for an interactive Python, for system calls that no tool makes. */
export function python(on: HostName, lines: readonly Pick<Type, 'type' | 'see' | 'note'>[]): Step[] {
  const at = { on, terminal: 'python' };
  return [
    { ...at, run: 'python3', ready: PROMPT },
    ...lines.map((line): Type => ({ ...at, ...line, ready: PROMPT })),
  ];
}

export function endPython(on: HostName): Press {
  return { on, terminal: 'python', press: 'Ctrl-D' };
}

const PROMPT = '>>>';

export function endWatch(on: HostName): Press {
  return { on, terminal: 'tcpdump', press: 'Ctrl-C', ready: ' captured' };
}

export const TO_SERVER: Pick<Rule, 'destinationPort'> = { destinationPort: SERVER_PORT };
export const FROM_SERVER: Pick<Rule, 'sourcePort'> = { sourcePort: SERVER_PORT };

type Matches = Pick<Rule, 'destinationPort' | 'sourcePort'>;

export function setRule(
  on: HostName,
  hook: Rule['hook'],
  matches: Matches,
  fate: Rule['fate'] = 'drop',
): Run {
  return { on, run: iptablesCommand({ hook, ...matches, fate }, 'ipv4') };
}

export function liftRule(...rule: Parameters<typeof setRule>): Run {
  const { on, run } = setRule(...rule);
  return { on, run: run.replace(' -A ', ' -D ') };
}

export const endServer: Press = ctrlC('server', 'nc', { server: [] });

/** With a rule that holds the client in FIN-WAIT-1. */
export const UNAWARE: Shown = { client: ['FIN-WAIT-1'], server: ['LISTEN', 'ESTABLISHED'] };
export const HALF_CLOSED: Shown = { client: ['FIN-WAIT-2'], server: ['LISTEN', 'CLOSE-WAIT'] };

/** After shutdown(): nc exits when the server closes. */
export const shutDown: Press = { on: 'client', terminal: 'nc', press: 'Ctrl-D' };

export const stopServer: Press = stop(
  'server',
  'nc',
  'stops nc, so it never reads the end of file and never closes',
);
export const stopAccepting: Press = stop(
  'server',
  'nc',
  'nc no longer accepts; its kernel completes handshakes without it',
);

/** A stopped program continues, reads the end of file, and exits. */
export const resume: Run = { on: 'server', terminal: 'nc', run: 'fg', see: { server: [] } };

/** Removes the rule that holds the client in FIN-WAIT-1. */
export const endHeld: readonly Step[] = [
  liftRule('server', 'in', TO_SERVER),
  {
    on: 'client',
    look: 'netstat -tan',
    see: { client: ['TIME-WAIT'], server: [] },
    note: "the next FIN arrives, and the server's nc exits",
  },
  endWatch('server'),
];

/** To a server that does not read: its receive buffer fills. */
export const sendZeros: Run = {
  ...connect,
  run: 'nc 192.168.2.11 80 </dev/zero',
  see: { ...ESTABLISHED, at: { 'server/tcpdump': ['192.168.2.11.80 > 192.168.2.10.…win 0,'] } },
};

/** Its unread data makes the server reset the connection. */
export const killStopped: Run = {
  ...{ on: 'server', terminal: 'nc', run: 'kill %1; fg' },
  see: { client: [], server: [] },
};

/** A server in Python, because nc closes too early; and a client that can shut down. */
export const establishedInPython: readonly Step[] = [
  ...python('server', [
    { type: 'from socket import *' },
    { type: 's = create_server(("", 80))', see: { server: ['LISTEN'] } },
  ]),
  { ...connectToShutDown, see: ESTABLISHED },
  { on: 'server', terminal: 'python', type: 'c, peer = s.accept()', ready: PROMPT, see: ESTABLISHED },
];

/** A handshake that a rule stops, whichever of its segments the rule drops. */
export function droppedHandshake(
  rule: Parameters<typeof setRule>,
  server: States,
  at: NonNullable<Shown['at']> = {},
  atEnd?: Shown,
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
        see: { client: ['SYN-SENT'], server, prints: ['Trying 192.168.2.11...'], at },
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
