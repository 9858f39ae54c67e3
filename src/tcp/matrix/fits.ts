import type { Row } from './rows.ts';

/** Whether a list of names, separated by blanks, has this one; `*` has all. */
export function fits(list: string, name: string): boolean {
  return list === '*' || list.split(' ').includes(name);
}

/** With its brackets a row is meant alone; a state is all its rows that no line before has. */
export function fitsRow(list: string, { name, state }: Row): boolean {
  return fits(list, name.replace(' ', '_')) || fits(list, state);
}
