import type { Command } from 'commander';
import { wrap } from '../report/terminal/layout.ts';
import { COMMANDS } from './commands.ts';

/** The groups of options below the ones that matter first. */
export const OPTION_GROUPS = {
  first: 'Options:',
  talk: 'Protocol:',
  program: 'The program:',
  output: 'Output:',
  lab: 'Network and hosts:',
} as const;

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
  const inGroup = (wanted: string) => Object.entries(COMMANDS).filter(([, { group }]) => group === wanted);
  const groups = Object.entries(GROUPS).map(([group, heading]) => ({
    heading,
    rows: inGroup(group).map(([name, { argument = '', summary }]) => ({
      term: `  ${name} ${argument}`.trimEnd(),
      summary,
    })),
  }));
  const column = Math.max(...groups.flatMap(({ rows }) => rows.map(({ term }) => term.length))) + 2;
  const lines = groups.flatMap(({ heading, rows }) => [
    heading,
    ...rows.map(
      ({ term, summary }) =>
        term.padEnd(column) + wrap(summary, helpWidth(), ' '.repeat(column)).slice(column),
    ),
  ]);
  const more = inGroup('more').map(([name]) => name);
  return [
    `Usage: tcplab <command> [options]\n\n${wrap(program.description(), helpWidth())}\n`,
    ...lines,
    wrap(`More: ${more.join(', ')} (tcplab help NAME)`, helpWidth()),
    '',
  ].join('\n');
}

const GROUPS = { make: 'Make a state:', judge: 'Judge a program:', explain: 'Explain:' } as const;
