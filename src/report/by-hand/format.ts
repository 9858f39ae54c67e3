import stringWidth from 'string-width';
import type { State } from '../../tcp/state.ts';
import { pad, wrap } from '../layout.ts';
import type { ByHand, Sight, States, Step } from './by-hand.ts';

const WIDTH = 80;
const HOSTS = ['client', 'server'] as const;
const COMMENT = '# ';
const PREAMBLE = [
  '  # client is 192.168.2.10, server 192.168.2.11; as root; nc is OpenBSD’s.',
  '  # host/name is a terminal of its own. Below a command, after a #: what',
  '  # netstat -tan then lists (ss -tan spells it a little differently), or',
  '  # what is printed, … standing for anything.',
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
  const width = WIDTH - column - COMMENT.length;
  const remarks = [
    ...(step.note ? wrap(step.note, width).split('\n') : []),
    ...describeSight(step.see, width),
  ];
  return [
    ...formatAction(step, column).map((line, index) =>
      index === 0 ? pad(`  ${placeOf(step)}`, column) + line : indent + line,
    ),
    ...remarks.map((remark) => indent + COMMENT + remark),
  ];
}

function formatAction(step: Step, column: number): string[] {
  if ('press' in step) return [step.press];
  if ('type' in step) return [step.type];
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

function describeSight({ client, server, prints, at = {} }: Sight = {}, width: number): string[] {
  const tables = { client, server };
  const hosts = HOSTS.flatMap((host) => (tables[host] ? [`${host}: ${listStates(tables[host])}`] : []));
  const outputs = Object.entries({ ...(prints ? { prints } : {}), ...at });
  return [
    ...fitted(hosts, '; ', width),
    ...outputs.flatMap(([place, parts]) =>
      parts.length > 1
        ? [`${place}:`, ...parts.map((part) => `  ${part}`)]
        : fitted([`${place}:`, ...parts], ' ', width),
    ),
  ];
}

/** In one line if there is room, else in one each. */
function fitted(parts: readonly string[], separator: string, width: number): string[] {
  const line = parts.join(separator);
  if (stringWidth(line) <= width) return line ? [line] : [];
  return [...parts];
}

/** `LISTEN, 5 SYN_RECV`, as netstat spells them. */
function listStates(states: States): string {
  const names = [...new Set(states)].map((state) => {
    const count = states.filter((other) => other === state).length;
    return `${count > 1 ? `${count} ` : ''}${netstatName(state)}`;
  });
  return names.join(', ') || 'none';
}

function netstatName(state: State | '…'): string {
  if (state === 'SYN-RECEIVED') return 'SYN_RECV';
  return state.replace(/-(?=\d)/, '').replaceAll('-', '_');
}
