import type { HostName } from '../../evidence/events.ts';
import { SERVER_PORT } from '../../lab/addresses.ts';
import { iptablesCommand, type Rule } from '../../lab/rule.ts';
import type { Press, Run, Sight, Step, Type } from './by-hand.ts';

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

export const ACCEPTED: Sight = {
  client: ['ESTABLISHED'],
  server: ['LISTEN', 'ESTABLISHED'],
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

export function ctrlC(on: HostName, terminal: string, see: Sight = {}, note?: string): Press {
  return { on, terminal, press: 'Ctrl-C', see, ...(note ? { note } : {}) };
}

/** For what no tool can do: lines typed into an interactive Python. */
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
