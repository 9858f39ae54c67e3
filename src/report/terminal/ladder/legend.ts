import { isUnexplained, type Transition } from '../../../evidence/transitions.ts';
import { ARCS } from '../../../tcp/arcs.ts';
import type { Story } from '../../story/story.ts';
import { flagsLegend } from '../../words/flags.ts';
import { broken, NO_BREAK_SPACE } from '../text.ts';
import type { Glyphs } from './glyphs.ts';

/** What the letters and signs mean, those that occur. */
export function legendLines({ moments, claim, transitions }: Story, glyphs: Glyphs, width: number): string[] {
  const flights = moments.flatMap((moment) => (moment.what === 'departure' ? moment.flight : []));
  const letters = new Set(flights.flatMap(({ flags }) => [...(flags ?? '')]));
  const unexplained = transitions.filter(isUnexplained);
  const signs = [
    ...flagsLegend(letters),
    `${glyphs.none} closed`,
    ...(claim ? [`${glyphs.held} held`] : []),
    ...(flights.some(({ ending }) => ending.what === 'dropped') ? [`${glyphs.stopped} dropped`] : []),
    ...(unexplained.length > 0
      ? [`? ${unexplained.every(isForeign) ? 'not in RFC 9293' : 'not explained'}`]
      : []),
  ];
  // No line breaks within a sign's meaning.
  const whole = signs.map((sign) => sign.replaceAll(' ', NO_BREAK_SPACE));
  return broken(whole.join('   '), width).map((line) => line.replaceAll(NO_BREAK_SPACE, ' ').trim());
}

/** Whether the RFC has no path between the states. If it has several, which one was taken is unknown. */
function isForeign({ from, to }: Pick<Transition, 'from' | 'to'>): boolean {
  return !ARCS.some((arc) => arc.from === from && arc.to === to);
}
