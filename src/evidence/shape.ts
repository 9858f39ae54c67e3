/** The check of a value that came from elsewhere. */
export interface Check {
  /** Whether it may be left out of an object. */
  readonly isOptional?: boolean;
  /** Undefined when it fits; else where it does not, and what was expected there. */
  flawOf(value: unknown, path: string): string | undefined;
}

/** The shape that a value from a file must have to be accepted as a `T`. */
export interface Shape<T> extends Check {
  /** For the compiler alone: a shape fits its type exactly. */
  readonly of?: (value: T) => T;
}

/** The shapes of all the fields of an object. */
export type Fields<T> = { [K in keyof T]-?: Shape<T[K]> };

export function text<T extends string = string>(pattern: RegExp = /^/, what = 'text'): Shape<T> {
  const fits = (value: unknown) => typeof value === 'string' && pattern.test(value);
  return { flawOf: (value, path) => (fits(value) ? undefined : flaw(path, what, value)) };
}

/** A finite number: JSON.parse reads 1e999 as Infinity. */
export function number(min: number = Number.NEGATIVE_INFINITY): Shape<number> {
  const fits = (value: unknown) => Number.isFinite(value) && Number(value) >= min;
  const what = `a number${min === 0 ? ', 0 or more' : ''}`;
  return { flawOf: (value, path) => (fits(value) ? undefined : flaw(path, what, value)) };
}

export function whole<T extends number = number>(min = 0, max: number = Number.MAX_SAFE_INTEGER): Shape<T> {
  const fits = (value: unknown) => Number.isInteger(value) && Number(value) >= min && Number(value) <= max;
  const what =
    max === Number.MAX_SAFE_INTEGER
      ? `a whole number, ${min} or more`
      : min === max
        ? `only ${min}`
        : `a whole number from ${min} to ${max}`;
  return { flawOf: (value, path) => (fits(value) ? undefined : flaw(path, what, value)) };
}

export function boolean(): Shape<boolean> {
  return {
    flawOf: (value, path) => (typeof value === 'boolean' ? undefined : flaw(path, 'true or false', value)),
  };
}

export function oneOf<const T extends string>(...values: readonly T[]): Shape<T> {
  const what = values.map((value) => JSON.stringify(value)).join(' or ');
  const fits = (value: unknown) => values.some((known) => known === value);
  return { flawOf: (value, path) => (fits(value) ? undefined : flaw(path, what, value)) };
}

export function nullable<T>(shape: Shape<T>): Shape<T | null> {
  return { flawOf: (value, path) => (value === null ? undefined : shape.flawOf(value, path)) };
}

/** For a field that may be absent or undefined. */
export function optional<T>(shape: Shape<T>): Shape<T | undefined> {
  return {
    isOptional: true,
    flawOf: (value, path) => (value === undefined ? undefined : shape.flawOf(value, path)),
  };
}

export function list<T>(shape: Shape<T>): Shape<T[]> {
  return {
    flawOf: (value, path) =>
      Array.isArray(value)
        ? first(value.entries(), ([index, item]) => shape.flawOf(item, `${path}[${index}]`))
        : flaw(path, 'a list', value),
  };
}

export function map<T>(shape: Shape<T>): Shape<Record<string, T>> {
  return {
    flawOf: (value, path) =>
      isObject(value)
        ? first(Object.entries(value), ([key, item]) => shape.flawOf(item, `${path}.${key}`))
        : flaw(path, 'an object', value),
  };
}

/** An object with these fields and no others. */
export function object<T>(fields: Fields<T>): Shape<T> {
  const shapes = new Map(Object.entries<Check>(fields));
  return {
    flawOf: (value, path) => {
      if (!isObject(value)) return flaw(path, 'an object', value);
      const unknown = Object.keys(value).find((key) => !shapes.has(key));
      if (unknown !== undefined)
        return `${join(path, unknown)}: unknown name; the names here are ${[...shapes.keys()].join(', ')}`;
      return first(shapes, ([key, shape]) =>
        Object.hasOwn(value, key)
          ? shape.flawOf(value[key], join(path, key))
          : shape.isOptional
            ? undefined
            : `${join(path, key)} is missing`,
      );
    },
  };
}

/** One of several kinds of objects, distinguished by the text in one field. */
export function tagged<K extends string, T extends Record<K, string>>(
  tag: K,
  kinds: { [N in T[K]]: Shape<Extract<T, Record<K, N>>> },
): Shape<T> {
  const shapes = new Map(Object.entries<Check>(kinds));
  return {
    flawOf: (value, path) => {
      if (!isObject(value)) return flaw(path, 'an object', value);
      const kind: unknown = value[tag];
      const shape = typeof kind === 'string' ? shapes.get(kind) : undefined;
      return shape ? shape.flawOf(value, path) : oneOf(...shapes.keys()).flawOf(kind, join(path, tag));
    },
  };
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function join(path: string, key: string): string {
  return path ? `${path}.${key}` : key;
}

/** The flaw of a value that is not what was expected. */
export function flaw(path: string, expected: string, found: unknown): string {
  return `${path || 'it'}: expected ${expected}, found ${shown(found)}`;
}

const SHOWN = 60;

/** Only the kind of what has parts: they may be nested more deeply than JSON.stringify can follow. */
export function shown(found: unknown): string {
  if (found === undefined) return 'nothing';
  if (typeof found === 'function') return 'a function';
  if (Array.isArray(found)) return `a list of ${found.length}`;
  if (found !== null && typeof found === 'object') return kindOfObject(found);
  const text = typeof found === 'string' ? JSON.stringify(found.slice(0, SHOWN)) : String(found);
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}

/** Of a class, such as a Promise or a Socket, its name. */
function kindOfObject(found: object): string {
  const name = (Object.getPrototypeOf(found) as object | null)?.constructor?.name;
  return name && name !== 'Object' ? `a ${name}` : 'an object';
}

function first<T>(items: Iterable<T>, flawOf: (item: T) => string | undefined): string | undefined {
  for (const item of items) {
    const found = flawOf(item);
    if (found !== undefined) return found;
  }
  return undefined;
}
