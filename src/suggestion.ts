import { closest, distance } from 'fastest-levenshtein';

/** A name in the one spelling in which names are compared: `Listen_Closed` is `listenclosed`. The `>` of a transition stays. */
export function bare(name: string): string {
  return name.toLowerCase().replace(/[-_\s]/g, '');
}

/** A hint for an unknown name: similar known names, and `all`, which explains where every name is listed. */
export function suggestion(name: string, known: readonly string[], all: string): string {
  const text = bare(name);
  // A scenario and a state may have the same name but for its spelling.
  const names = [...new Set(known.map(bare))];
  const near = closest(text, names);
  const alike = names.filter((candidate) => candidate.startsWith(text));
  if (distance(text, near) <= Math.max(2, text.length / 3)) alike.unshift(near);
  const suggested = [...new Set(alike)]
    .slice(0, 4)
    .map((candidate) => known.find((one) => bare(one) === candidate));
  return suggested.length > 0 ? `did you mean ${suggested.join(', ')}? ${all}` : all;
}
