import { textWidth } from '../terminal/layout.ts';
import { breakCommand } from './by-hand/command.ts';
import { formatByHand } from './by-hand/format.ts';
import type { Block, Section } from './explanation/explanation.ts';
import { wrapProse } from './prose.ts';

/** A section as plain text; the schema of `explain --json`. */
interface TextSection {
  title: string;
  /** Lines that fit the width, paragraphs apart. Only a command that can't be broken may be wider. */
  text: string;
}

/** Prose that is wider than this is hard to read. */
const MEASURE = 100;
const [NARROWEST, WIDEST] = [40, 240];
const INDENT = '  ';
const COMMAND_INDENT = '    ';

/** Lays sections out for a terminal of so many columns (default: 80), within 40 to 240. */
export function textSections(sections: readonly Section[], columns = 80): TextSection[] {
  const width = Math.min(Math.max(columns, NARROWEST), WIDEST);
  return sections.map(({ title, blocks }) => ({
    title,
    text: blocks.map((block) => formatBlock(block, width)).join('\n\n'),
  }));
}

/** Puts sections one below the other, each under its title. */
export function formatSections(
  sections: readonly Section[],
  { columns = 80, bold = (text: string) => text }: { columns?: number; bold?: (text: string) => string } = {},
): string {
  return textSections(sections, columns)
    .map(({ title, text }) => `${titleLines(title, columns).map(bold).join('\n')}\n${text}\n`)
    .join('\n');
}

function titleLines(title: string, columns: number): string[] {
  return wrapProse(title, Math.max(columns, NARROWEST)).split('\n');
}

function formatBlock(block: Block, width: number): string {
  const measure = Math.min(width, MEASURE) - INDENT.length;
  if (typeof block === 'string') return wrapProse(block, measure, INDENT);
  if ('points' in block) return block.points.map((point) => formatPoint(point, measure)).join('\n');
  if ('recipe' in block) return formatByHand(block.recipe, { width });
  if ('commands' in block) return formatCommands(block.commands, measure);
  return [
    wrapProse(block.to, measure, INDENT),
    ...indented(
      block.run.split('\n').flatMap((line) => breakCommand(line, width - COMMAND_INDENT.length)),
      COMMAND_INDENT,
    ),
    ...(block.note ? [wrapProse(block.note, measure, `${COMMAND_INDENT}  `)] : []),
  ].join('\n');
}

function formatPoint(text: string, width: number): string {
  const body = wrapProse(text, width, `${INDENT}  `);
  return `${INDENT}- ${body.slice(INDENT.length + 2)}`;
}

/** In two columns, or each explanation below its command where it would be squeezed. */
function formatCommands(commands: readonly { run: string; does: string }[], width: number): string {
  const gap = '   ';
  const column = COMMAND_INDENT.length + Math.max(...commands.map(({ run }) => textWidth(run))) + gap.length;
  const lines = commands.map(({ run, does }) => {
    if (width - column < LEAST_BESIDE)
      return `${COMMAND_INDENT}${run}\n${wrapProse(does, width, `${COMMAND_INDENT}  `)}`;
    const head = `${COMMAND_INDENT}${run}`.padEnd(column);
    return head + wrapProse(does, width, ' '.repeat(column)).trimStart();
  });
  return lines.join('\n');
}

const LEAST_BESIDE = 24;

function indented(lines: readonly string[], indent: string): string[] {
  return lines.map((line) => indent + line);
}
