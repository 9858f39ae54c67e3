// The commands that a Markdown page shows, and what it shows of their output.

/**
 * @typedef {{ command: string, output: string, line: number, from: number, to: number, language: string }} Shown
 * `line`: of the command, from 1. `from`, `to`: where its output is in the page, in characters.
 */

/**
 * The commands in the page's ```console blocks, which start with `$ `, and in its ```sh blocks, one per line.
 * A command that ends in a backslash continues on the next line.
 * @param {string} page
 * @returns {Shown[]}
 */
export function commandsIn(page) {
  /** @type {Shown[]} */
  const shown = [];
  let language = '';
  let at = 0;
  let isContinued = false;
  page.split('\n').forEach((text, index) => {
    const end = Math.min(at + text.length + 1, page.length);
    const last = shown.at(-1);
    const isPrompt = language === 'console' && text.startsWith('$ ');
    if (text.startsWith('```')) {
      language = language === '' ? text.slice(3) || 'none' : '';
      isContinued = false;
    } else if (isContinued && last) {
      last.command += `\n${text}`;
      Object.assign(last, { from: end, to: end });
      isContinued = text.endsWith('\\');
    } else if (isPrompt || (language === 'sh' && text.trim() !== '' && !text.startsWith('#'))) {
      const command = isPrompt ? text.slice(2) : text;
      shown.push({ command, output: '', line: index + 1, from: end, to: end, language });
      isContinued = text.endsWith('\\');
    } else if (language === 'console' && last) {
      last.output += `${text}\n`;
      last.to = end;
    }
    at = end;
  });
  return shown;
}

/**
 * What stays the same from run to run: without times, counts and ports, and without what depends on their widths.
 * @param {string} output
 */
export function shapeOf(output) {
  return (
    output
      .replace(/\d+(?:[.,]\d+)*/g, '#')
      .replace(/# (?:µs|ms|s|min)\b/g, '#')
      .replace(/# ([a-z]+)s\b/g, '# $1')
      .replace(/^ *# +/gm, '')
      // In a ladder, a time in which nothing happened.
      .replace(/^⋮.*\n/gm, '')
      .replace(/[─\s]+/g, '')
  );
}

/**
 * How a test can run a command: a ```console block is for the examples in the clone, a ```sh block for the reader's own files.
 * @param {Shown} shown
 * @returns {'to its end' | 'until Ctrl-C' | 'not'}
 */
export function howRun({ command, language }) {
  if (language !== 'console' || !/^(?:tcplab|tshark) /.test(command)) return 'not';
  // `tcplab ui`, and `tcplab hold`, which a state in place of a command means as well.
  const isHeld = /^tcplab (?!(?:run|check|exec|why|explain|arcs|replay|list|clean|doctor)\b|-)/.test(command);
  const isEndless = isHeld && !/ --(?:on|for|help)\b/.test(command);
  return isEndless ? 'until Ctrl-C' : 'to its end';
}

/**
 * The exit status that the page gives the reader: the one that it names in a comment, or the one of the output that it shows.
 * @param {Shown} shown
 */
export function statusOf({ command, output }) {
  const named = /# exits with (\d+)/.exec(command)?.[1];
  return Number(named ?? (/\b[1-9]\d* faults?\b/.test(output) ? 1 : 0));
}
