import { flagsLegend } from '../flags.ts';
import { broken, NO_BREAK_SPACE } from '../text.ts';
import type { Glyphs } from './glyphs.ts';
import type { Story } from './moments.ts';

/** What the letters and signs mean, those that occur. */
export function legendLines({ moments, claim, transitions }: Story, glyphs: Glyphs, width: number): string[] {
  const flights = moments.flatMap((moment) => (moment.what === 'departure' ? moment.flight : []));
  const letters = new Set(flights.flatMap(({ flags }) => [...(flags ?? '')]));
  const signs = [
    ...flagsLegend(letters),
    `${glyphs.none} closed`,
    ...(claim ? [`${glyphs.held} held`] : []),
    ...(flights.some(({ ending }) => ending.what === 'dropped') ? [`${glyphs.stopped} dropped`] : []),
    ...(transitions.some(({ arc }) => arc === null) ? ['? not in RFC 9293'] : []),
  ];
  // No line breaks within a sign's meaning.
  const whole = signs.map((sign) => sign.replaceAll(' ', NO_BREAK_SPACE));
  return broken(whole.join('   '), width).map((line) => line.replaceAll(NO_BREAK_SPACE, ' ').trim());
}
