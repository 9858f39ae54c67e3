/** How a segment's flags are printed: tcpdump's letters, `[S.]`, and what the segment is called, `SYN-ACK`. */

export const FLAG_NAMES: Readonly<Record<string, string>> = {
  S: 'SYN',
  '.': 'ACK',
  F: 'FIN',
  P: 'PSH',
  R: 'RST',
  U: 'URG',
};

/** `[S.]` */
export function flagsText(flags: string): string {
  return `[${flags}]`;
}

/** `SYN-ACK`. All but the first SYN carry an ACK: it is named where it is what the segment is sent for. */
export function segmentName(flags: string): string {
  const names = [...flags].flatMap((letter) => (letter === '.' ? [] : (FLAG_NAMES[letter] ?? [])));
  if (names.length === 0) return 'ACK';
  return flags.includes('S') && flags.includes('.') ? `${names.join('-')}-ACK` : names.join('-');
}

/** `[S] SYN`, `[.] ACK` and so on: of all flags, or of those that are given. */
export function flagsLegend(letters: Iterable<string> = 'S.FPR'): string[] {
  const wanted = new Set(letters);
  return Object.entries(FLAG_NAMES)
    .filter(([letter]) => wanted.has(letter))
    .map(([letter, name]) => `${flagsText(letter)} ${name}`);
}
