import { closest, distance } from 'fastest-levenshtein';

/** Names that are near to one that is not known; `all` is what shows every one. */
export function suggestion(name: string, known: string[], all: string): string {
  const text = name.toLowerCase();
  // A scenario and a state may have the same name but for its case.
  const names = [...new Map(known.map((candidate) => [candidate.toLowerCase(), candidate])).keys()];
  const near = closest(text, names);
  const alike = names.filter((candidate) => candidate.startsWith(text));
  if (distance(text, near) <= Math.max(2, text.length / 3)) alike.unshift(near);
  const suggested = [...new Set(alike)]
    .slice(0, 4)
    .map((candidate) => known.find((k) => k.toLowerCase() === candidate));
  return suggested.length > 0 ? `did you mean ${suggested.join(', ')}? ${all} shows all` : `${all} shows all`;
}
