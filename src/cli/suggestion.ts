import { closest, distance } from 'fastest-levenshtein';

/** A name without what spellings differ by: `Listen_Closed` is `listen-closed`. What arcs are written with stays. */
export function bare(name: string): string {
  return name.toLowerCase().replace(/[-_\s]/g, '');
}

/** Names that are near to one that is not known; `all` is what shows every one. */
export function suggestion(name: string, known: string[], all: string): string {
  const text = bare(name);
  // A scenario and a state may have the same name but for its spelling.
  const names = [...new Set(known.map(bare))];
  const near = closest(text, names);
  const alike = names.filter((candidate) => candidate.startsWith(text));
  if (distance(text, near) <= Math.max(2, text.length / 3)) alike.unshift(near);
  const suggested = [...new Set(alike)]
    .slice(0, 4)
    .map((candidate) => known.find((one) => bare(one) === candidate));
  return suggested.length > 0 ? `did you mean ${suggested.join(', ')}? ${all} shows all` : `${all} shows all`;
}
