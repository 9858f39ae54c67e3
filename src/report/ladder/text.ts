import stringWidth from 'string-width';

export const NO_BREAK_SPACE = '\u00a0';

const characters = new Intl.Segmenter();

/** Characters as a reader sees them, each with its columns on a terminal. */
export function charactersOf(text: string): { text: string; columns: number }[] {
  return [...characters.segment(text)].map(({ segment }) => ({
    text: segment,
    columns: stringWidth(segment),
  }));
}

/** Unlike the rest of tcplab's texts, those of a timeline may hold whatever a file held. */
export function columnsOf(text: string): number {
  return stringWidth(text);
}

/** Broken at spaces, and where a word is wider than a line, within it. */
export function broken(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ').flatMap((word) => cut(word, columns))) {
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

function cut(word: string, columns: number): string[] {
  if (columnsOf(word) <= columns) return [word];
  const pieces = [''];
  for (const { text } of charactersOf(word)) {
    const longer = pieces.at(-1) + text;
    if (columnsOf(longer) > columns) pieces.push(text);
    else pieces[pieces.length - 1] = longer;
  }
  return pieces;
}
