import stringWidth from 'string-width';
import type { HostName } from '../../evidence/events.ts';
import type { State } from '../../tcp/state.ts';
import { pad, wrap } from '../layout.ts';
import type { ByHand, Sight, Step } from './by-hand.ts';

const WIDTH = 80;
const PREAMBLE = [
  '  # Two machines, client 192.168.2.10 and server 192.168.2.11, as root.',
  '  # host/name is a terminal of its own, for a program that stays.',
  '  # After a #: what netstat -tan then lists (ss -tan spells it a little',
  '  # differently), or what is printed.',
];

/** As lines of at most 80 columns: where, what to type, and after a `#` what is then to be seen. */
export function formatByHand({ steps, cleanUp }: ByHand): string {
  const column = Math.max(...[...steps, ...cleanUp].map((step) => placeOf(step).length)) + 4;
  const lines = (those: readonly Step[]) => those.flatMap((step) => formatStep(step, column));
  return [...PREAMBLE, '', ...lines(steps), '', '  # Clean up', ...lines(cleanUp)].join('\n');
}

function placeOf(step: Step): string {
  return 'terminal' in step && step.terminal ? `${step.on}/${step.terminal}` : step.on;
}

function formatStep(step: Step, column: number): string[] {
  const indent = ' '.repeat(column);
  const remarks = [step.note, ...describeSight(step.see)].filter((remark) => remark !== undefined);
  return [
    ...formatAction(step, column).map((line, index) =>
      index === 0 ? pad(`  ${placeOf(step)}`, column) + line : indent + line,
    ),
    ...remarks.flatMap((remark) => wrap(remark, WIDTH, `${indent}# `).split('\n')),
  ];
}

function formatAction(step: Step, column: number): string[] {
  if ('press' in step) return [step.press];
  if ('type' in step) return [`${step.type} (typed)`];
  return breakCommand('run' in step ? step.run : step.look, WIDTH - column);
}

/** A command that is too long for a line goes on in the next, as a shell reads it. */
function breakCommand(command: string, width: number): string[] {
  if (stringWidth(command) <= width) return [command];
  const lines = wrap(command, width - ' \\'.length - 2).split('\n');
  return lines.map(
    (line, index) => `${index === 0 ? '' : '  '}${line}${index === lines.length - 1 ? '' : ' \\'}`,
  );
}

function describeSight({ client, server, prints, at = {} }: Sight = {}): string[] {
  const hosts: [HostName, readonly State[] | undefined][] = [
    ['client', client],
    ['server', server],
  ];
  const tables = hosts.flatMap(([host, states]) => (states ? [`${host}: ${listStates(states)}`] : []));
  return [
    ...(tables.length ? [tables.join('; ')] : []),
    ...(prints ? [`prints: ${prints.join(' | ')}`] : []),
    ...Object.entries(at).map(([terminal, texts]) => `${terminal}: ${texts.join(' | ')}`),
  ];
}

/** `LISTEN, 5 SYN_RECV`, as netstat spells them. */
function listStates(states: readonly State[]): string {
  const names = [...new Set(states)].map((state) => {
    const count = states.filter((other) => other === state).length;
    return `${count > 1 ? `${count} ` : ''}${netstatName(state)}`;
  });
  return names.join(', ') || 'none';
}

function netstatName(state: State): string {
  if (state === 'SYN-RECEIVED') return 'SYN_RECV';
  return state.replace(/-(?=\d)/, '').replaceAll('-', '_');
}
