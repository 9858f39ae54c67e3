import { readFileSync } from 'node:fs';

/** Gives a module's text; its name is as the one that imports it writes it. */
export type ReadModule = (name: string) => string;

/** The compiled modules of the pages, beside this one in the package. */
export const readWebModule: ReadModule = (name) => {
  return readFileSync(new URL(`../../web/${name}`, import.meta.url), 'utf8');
};

/**
 * Modules as one script, for a page that is opened from a disk may load no others. It knows the imports and exports that
 * src/web uses, all in one folder, and refuses the rest. Each module is a function's body, so that names don't collide.
 */
export function bundle(entry: string, read: ReadModule): string {
  const places = new Map<string, number>();
  const bodies: string[] = [];
  const add = (name: string, above: readonly string[]): void => {
    if (places.has(name)) return;
    if (above.includes(name)) throw new Error(`modules import each other: ${[...above, name].join(', ')}`);
    const { imports, body, exports } = parse(name, read(name));
    for (const { from } of imports) add(from, [...above, name]);
    const place = places.size;
    places.set(name, place);
    const bindings = imports.map(({ names, from }) => `const {${names}} = m${places.get(from)};\n`);
    const given = exports.join(', ');
    bodies.push(`const m${place} = (() => {\n${bindings.join('')}${body}\nreturn {${given}};\n})();\n`);
  };
  add(entry, []);
  return bodies.join('');
}

interface Module {
  imports: { names: string; from: string }[];
  body: string;
  exports: string[];
}

const IMPORT = /^import \{([^}]*)\} from ["']\.\/([\w-]+\.js)["'];$/gm;
const EXPORT = /^export ((?:async )?(?:function|class|const) (\w+))/gm;

function parse(name: string, text: string): Module {
  const imports: Module['imports'] = [];
  const exports: string[] = [];
  const body = text
    .replace(IMPORT, (_, names: string, from: string) => {
      imports.push({ names: names.replaceAll(' as ', ': '), from });
      return '';
    })
    .replace(EXPORT, (_, declaration: string, exported: string) => {
      exports.push(exported);
      return declaration;
    })
    // What the compiler leaves of a module of types.
    .replace(/^export \{\s*\};$/gm, '')
    .trim();
  const strange = /^(import|export)\b.*/m.exec(body);
  if (strange) throw new Error(`${name} has an import or export that a report cannot include: ${strange[0]}`);
  return { imports, body, exports };
}
