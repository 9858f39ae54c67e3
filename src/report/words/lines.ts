/** As many words on each line as fit, of a width that `columnsOf` measures. A wider word has a line of its own. */
export function inLines(
  words: readonly string[],
  columns: number,
  columnsOf: (text: string) => number,
): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of words) {
    const longer = line ? `${line} ${word}` : word;
    if (line && columnsOf(longer) > columns) {
      lines.push(line);
      line = word;
    } else {
      line = longer;
    }
  }
  return [...lines, line];
}
