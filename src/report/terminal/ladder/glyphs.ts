/** The signs of which a ladder is drawn. Each is one column wide. */
export interface Glyphs {
  /** A lifeline: with no connection, with one, while the state is held, over a pause. */
  none: string;
  alive: string;
  held: string;
  pause: string;
  holdBegins: string;
  holdEnds: string;
  /** Where a segment leaves its sender's lifeline: the client's, the server's, and those two while held. */
  leaves: { client: string; server: string };
  leavesHeld: { client: string; server: string };
  shaft: string;
  icmpShaft: string;
  heads: { client: string; server: string };
  stopped: string;
  firewall: string;
  /** A segment that is under way while something else happens: its line turns down, runs down, and turns to its end. */
  turnsDown: { client: string; server: string };
  underWay: string;
  turnsIn: { client: string; server: string };
  crossing: string;
  note: string;
}

export const UNICODE: Glyphs = {
  none: '┊',
  alive: '│',
  held: '┃',
  pause: '⋮',
  holdBegins: '┳',
  holdEnds: '┻',
  leaves: { client: '├', server: '┤' },
  leavesHeld: { client: '┠', server: '┨' },
  shaft: '─',
  icmpShaft: '╌',
  heads: { client: '▶', server: '◀' },
  stopped: '✗',
  firewall: '▒',
  turnsDown: { client: '╮', server: '╭' },
  underWay: '│',
  turnsIn: { client: '╰', server: '╯' },
  crossing: '┼',
  note: '·',
};

export const ASCII: Glyphs = {
  none: ':',
  alive: '|',
  held: '#',
  pause: '~',
  holdBegins: '+',
  holdEnds: '+',
  leaves: { client: '|', server: '|' },
  leavesHeld: { client: '#', server: '#' },
  shaft: '-',
  icmpShaft: '=',
  heads: { client: '>', server: '<' },
  stopped: 'X',
  firewall: '%',
  turnsDown: { client: '.', server: '.' },
  underWay: '|',
  turnsIn: { client: "'", server: "'" },
  crossing: '+',
  note: '*',
};

/** Whether a terminal with these settings shows more than ASCII: of the three the first that is set counts (locale(7)). */
export function localeIsUtf8(env: NodeJS.ProcessEnv): boolean {
  const locale = env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || '';
  return /utf-?8/i.test(locale);
}

const PLAIN: Record<string, string> = {
  '’': "'",
  '‘': "'",
  '“': '"',
  '”': '"',
  '–': '-',
  '—': '-',
  '→': '->',
  '←': '<-',
  '…': '...',
  '×': 'x',
  '·': '-',
  µ: 'u',
  '\u00a0': ' ',
};

/** Converts to ASCII; a character without an equivalent becomes a question mark. */
export function toAscii(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: everything that is not ASCII
  return text.replace(/[^\x00-\x7f]/gu, (character) => PLAIN[character] ?? '?');
}
