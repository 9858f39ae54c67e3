import { isMap, isScalar, isSeq, type Node, type YAMLMap } from 'yaml';
import { TcplabError } from '../error.ts';
import { readYaml } from '../yaml-text.ts';
import { isPlace, parsePlace, unknownHost } from './place.ts';

/** Two hosts between which scenarios run. */
export interface NamedPair {
  name: string;
  client: string;
  server: string;
}

const KEYS = ['name', 'client', 'server'];

/**
 * Reads a list of pairs, each with `client`, `server` and an optional `name`. Throws a TcplabError that names the line and column
 * of an error, and what was expected there.
 */
export function parsePairs(text: string, path: string): NamedPair[] {
  const { contents, wrong } = readYaml(text, { path, hint: EXAMPLE });
  if (!isSeq(contents)) throw wrong(contents, 'expected a list of pairs');
  if (contents.items.length === 0) throw wrong(contents, 'the list of pairs is empty');
  const names = new Set<string>();
  return contents.items.map((item) => {
    if (!isMap(item)) throw wrong(item as Node, 'expected a pair, with `client` and `server`');
    const pair = pairOf(item, wrong);
    if (names.has(pair.name)) throw wrong(item, `another pair has the name '${pair.name}'`);
    names.add(pair.name);
    return pair;
  });
}

const EXAMPLE = 'write a pair as - { client: ssh:user@a, server: ssh:user@b } (docs/hosts.md)';

function pairOf(
  map: YAMLMap,
  wrong: (node: Node | null | undefined, what: string) => TcplabError,
): NamedPair {
  const given = new Map<string, string>();
  for (const { key, value } of map.items) {
    const name = isScalar(key) ? String(key.value) : '';
    if (!KEYS.includes(name))
      throw wrong(key as Node, `unknown field '${name}': expected ${KEYS.join(', ')}`);
    if (!isScalar(value) || typeof value.value !== 'string' || value.value.trim() === '') {
      throw wrong((value ?? key) as Node, `'${name}' must be text`);
    }
    if (name !== 'name') checkPlace(value, value.value, wrong);
    given.set(name, value.value);
  }
  const [client, server] = [given.get('client'), given.get('server')];
  if (client === undefined || server === undefined) {
    throw wrong(map, `this pair lacks '${client === undefined ? 'client' : 'server'}'`);
  }
  return { name: given.get('name') ?? `${client} → ${server}`, client, server };
}

function checkPlace(node: Node, text: string, wrong: (node: Node, what: string) => TcplabError): void {
  try {
    if (!isPlace(text)) throw unknownHost(text);
    parsePlace(text);
  } catch (error) {
    if (error instanceof TcplabError) throw wrong(node, error.message);
    throw error;
  }
}
