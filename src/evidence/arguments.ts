import { isUint8Array } from 'node:util/types';
import { TcplabError } from '../error.ts';
import { flaw, oneOf, type Shape, whole } from './shape.ts';

/**
 * Throws a USAGE error when an argument of a public function does not have its shape: JavaScript has no compiler that reports
 * it. `argument` is the call and the argument's name (`createLab() options`); `hint` is an example of a right call.
 */
export function mustFit<T>(argument: string, shape: Shape<T>, value: unknown, hint?: string): void {
  const found = shape.flawOf(value, argument);
  if (found !== undefined) throw new TcplabError('USAGE', found, { hint });
}

export const yesOrNo: Shape<boolean> = fitting('true or false', (value) => typeof value === 'boolean');
export const port: Shape<number> = whole(1, 65_535);
/** Infinity: no limit. */
export const milliseconds: Shape<number> = fitting(
  'milliseconds, 0 or more',
  (value) => typeof value === 'number' && value >= 0,
);
export const nonEmpty: Shape<string> = fitting(
  'a text that is not empty',
  (value) => typeof value === 'string' && value !== '',
);
/** Also those of another realm, such as a vm context of jest. */
export const bytes: Shape<Uint8Array> = fitting('a Buffer or Uint8Array', isUint8Array);
export const host: Shape<'client' | 'server'> = oneOf('client', 'server');

/** A function with any arguments. */
export function work<T>(): Shape<T> {
  return fitting('a function', (value) => typeof value === 'function');
}

/** An object of a class, or one with its methods. */
export function fitting<T>(what: string, fits: (value: unknown) => boolean): Shape<T> {
  return { flawOf: (value, path) => (fits(value) ? undefined : flaw(path, what, value)) };
}
