import type { Command } from 'commander';
import { wrap } from '../report/layout.ts';

/** The groups of commands in `tcplab --help`, in their order; `more` is one line of names. */
export const COMMAND_GROUPS = {
  make: 'Make a state:',
  judge: 'Judge a program:',
  explain: 'Explain:',
  more: 'More:',
} as const;

/** The groups of options below the ones that matter first. */
export const OPTION_GROUPS = { first: 'Options:', output: 'Output:', lab: 'Network and hosts:' } as const;

/** Columns that help may fill; a wider terminal makes no text easier to read. */
export function helpWidth(): number {
  return Math.min(process.stdout.columns || 80, 80);
}

/** The end of a command's help: examples, whose lines stay whole, and paragraphs, which fill the width. */
export function helpEnd(examples: readonly string[], ...paragraphs: string[]): () => string {
  return () => {
    const lines = examples.map((example) => `  ${example}`).join('\n');
    return ['', `Examples:\n${lines}`, ...paragraphs.map((text) => wrap(text, helpWidth()))]
      .join('\n\n')
      .slice(1);
  };
}

/** The help of tcplab itself: it fits 24 lines of 80 columns, so groups have no lines between them. */
export function overview(program: Command): string {
  const rows = program.commands
    .filter((command) => command.helpGroup() !== '' && command.helpGroup() !== COMMAND_GROUPS.more)
    .map((command) => ({ command, term: `  ${command.name()} ${argumentsOf(command)}`.trimEnd() }));
  const column = Math.max(...rows.map(({ term }) => term.length)) + 2;
  const groups = [COMMAND_GROUPS.make, COMMAND_GROUPS.judge, COMMAND_GROUPS.explain].flatMap((heading) => [
    heading,
    ...rows
      .filter(({ command }) => command.helpGroup() === heading)
      .map(({ command, term }) => {
        const summary = wrap(command.summary(), helpWidth(), ' '.repeat(column));
        return term.padEnd(column) + summary.slice(column);
      }),
  ]);
  const more = program.commands.filter((command) => command.helpGroup() === COMMAND_GROUPS.more);
  const names = more.map((command) => command.name()).join(', ');
  return [
    `Usage: tcplab <command> [options]\n\n${wrap(program.description(), helpWidth())}\n`,
    ...groups,
    wrap(`${COMMAND_GROUPS.more} ${names} (\`tcplab COMMAND --help\`)`, helpWidth()),
    '',
  ].join('\n');
}

function argumentsOf(command: Command): string {
  return command.registeredArguments
    .filter(({ required }) => required)
    .map((argument) => `<${argument.name()}>`)
    .join(' ');
}
