import type { ByHand, Shown, States, Step } from '../../../scenario/by-hand/by-hand.ts';
import { STATE_NAMES } from '../../../tcp/state-names.ts';
import { pad, textWidth } from '../../terminal/layout.ts';
import { wrapProse } from '../prose.ts';
import { breakCommand } from './command.ts';

const HOSTS = ['client', 'server'] as const;
const INDENT = '  ';
const COMMENT = '# ';
/** Below this a command has the whole line, and its place the line before. */
const NARROW = 64;

/** What a reader has to know before the first command. */
export const RECIPE_PREAMBLE: string =
  "Two machines: client 192.168.2.10 and server 192.168.2.11. Run every command as root; nc is OpenBSD's. " +
  'server/nc is a terminal on the server that is called nc. A line that begins with # shows what netstat -tan lists ' +
  'after the command (ss -tan spells the states a little differently), or what the command prints. … stands for any text.';

interface Layout {
  /** In columns; a command that can't be broken may be wider. Default: 80. */
  width?: number;
  /** Whether the text begins with `RECIPE_PREAMBLE`. Default: true. */
  preamble?: boolean;
}

/** Lays a recipe out: where, what to type, and after a `#` what the tools then show. */
export function formatByHand(
  { steps, cleanUp }: ByHand,
  { width = 80, preamble = true }: Layout = {},
): string {
  const places = [...steps, ...cleanUp].map((step) => textWidth(placeOf(step)));
  const column = width < NARROW ? 2 * INDENT.length : Math.max(...places) + 2 * INDENT.length;
  const lines = (those: readonly Step[]) => those.flatMap((step) => formatStep(step, column, width));
  return [
    ...(preamble ? [wrapProse(RECIPE_PREAMBLE, width, INDENT + COMMENT), ''] : []),
    ...lines(steps),
    '',
    `${INDENT}# Clean up`,
    ...lines(cleanUp),
  ].join('\n');
}

function placeOf(step: Step): string {
  return 'terminal' in step && step.terminal ? `${step.on}/${step.terminal}` : step.on;
}

function formatStep(step: Step, column: number, width: number): string[] {
  const indent = ' '.repeat(column);
  const room = width - column - COMMENT.length;
  const place = INDENT + placeOf(step);
  const [first, ...rest] = actionOf(step, width - column);
  const remarks = [
    ...(step.note ? wrapProse(step.note, room).split('\n') : []),
    ...describeShown(step.see, room),
  ];
  return [
    ...(width < NARROW ? [`${place}:`, indent + first] : [pad(place, column) + first]),
    ...rest.map((line) => indent + line),
    ...remarks.map((remark) => indent + COMMENT + remark),
  ];
}

function actionOf(step: Step, width: number): string[] {
  if ('press' in step) return [step.press];
  if ('type' in step) return [step.type];
  return breakCommand('run' in step ? step.run : step.look, width);
}

function describeShown({ client, server, prints, at = {} }: Shown = {}, width: number): string[] {
  const tables = { client, server };
  const hosts = HOSTS.flatMap((host) => (tables[host] ? [`${host}: ${listStates(tables[host])}`] : []));
  const outputs = Object.entries({ ...(prints ? { prints } : {}), ...at });
  const lines = [
    ...fitted(hosts, '; ', width),
    ...outputs.flatMap(([place, parts]) =>
      parts.length > 1
        ? [`${place}:`, ...parts.map((part) => `  ${part}`)]
        : fitted([`${place}:`, ...parts], ' ', width),
    ),
  ];
  return lines.flatMap((line) => {
    const indent = line.startsWith(' ') ? '  ' : '';
    return wrapProse(line.trimStart(), width, indent).split('\n');
  });
}

/** In one line if it fits, else in one line each. */
function fitted(parts: readonly string[], separator: string, width: number): string[] {
  const line = parts.join(separator);
  if (textWidth(line) <= width) return line ? [line] : [];
  return [...parts];
}

/** `LISTEN, 5 SYN_RECV`, as netstat spells them. */
function listStates(states: States): string {
  const names = [...new Set(states)].map((state) => {
    const count = states.filter((other) => other === state).length;
    return `${count > 1 ? `${count} ` : ''}${state === '…' ? state : STATE_NAMES[state].netstat}`;
  });
  return names.join(', ') || 'nothing';
}
