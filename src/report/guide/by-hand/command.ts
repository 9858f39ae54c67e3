import { textWidth } from '../../terminal/layout.ts';

/**
 * Breaks a command that is wider than `width` as a shell reads it: with a backslash, at a space outside of quotes.
 * A word or a quoted part that is wider than a line stays whole.
 */
export function breakCommand(command: string, width: number): string[] {
  if (textWidth(command) <= width) return [command];
  const lines: string[] = [];
  let line = '';
  for (const word of command.match(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g) ?? []) {
    const longer = line ? `${line} ${word}` : word;
    if (line && textWidth(longer) > width - CONTINUED.length) {
      lines.push(`${line}${CONTINUED}`);
      line = `  ${word}`;
    } else line = longer;
  }
  return [...lines, line];
}

const CONTINUED = ' \\';
